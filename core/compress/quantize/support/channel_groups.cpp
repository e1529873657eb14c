#include "core/compress/quantize/support/channel_groups.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <optional>

#include "core/base/error.h"

namespace whittle {
namespace {

/** Channels on their way: along `axis` of a value, from `offset`, each `repeat` times. */
struct Flow {
  ValueId id = kNoValue;
  int axis = 1;
  int64_t offset = 0;
  int64_t repeat = 1;
  bool shifted = false;  // past the activation: a constant added here reaches the readers as it is
};

/** Product of the dimensions in [first, last), if known. */
std::optional<int64_t> extent(const Dims& dims, size_t first, size_t last) {
  int64_t product = 1;
  for (size_t i = first; i < last; ++i) {
    if (!dims[i].known()) return std::nullopt;
    product *= dims[i].value;
  }
  return product;
}

/** A scalar constant, or `absent` where the input is missing. */
std::optional<float> bound(const Graph& graph, const Node& node, size_t input, float absent) {
  if (node.input(input) == kNoValue) return absent;
  const Tensor* constant = graph.constant(node.input(input));
  if (constant == nullptr || constant->elements() != 1) return std::nullopt;
  return to_floats(*constant, node.label())[0];
}

bool is_pool(const Node& node) {
  return node.is("MaxPool") || node.is("AveragePool") || node.is("GlobalAveragePool") ||
         node.is("GlobalMaxPool");
}

class Walk {
 public:
  Walk(const Graph& graph, const GraphIndex& index, const std::set<int>& layers)
      : graph_(graph), index_(index), layers_(layers) {}

  ChannelGroup run(int maker) {
    group_.channels = ChannelLayer(graph_, node(maker)).outputs();
    group_.passes_shifts = !node(maker).is("MatMul");
    add_maker(maker);
    while (!queue_.empty() && group_.obstacle.empty()) {
      const Flow flow = queue_.front();
      queue_.pop_front();
      follow(flow);
    }
    if (group_.obstacle.empty() && group_.readers.empty()) group_.obstacle = "no layer reads it";
    if (group_.makers.size() > 1) {
      group_.passes_shifts = false;
      if (!group_.clips.empty()) group_.obstacle = "a Clip lies on a residual branch";
    }
    std::sort(group_.makers.begin(), group_.makers.end(),
              [](const GroupMaker& a, const GroupMaker& b) { return a.node < b.node; });
    for (const auto& [id, flow] : seen_) group_.values.push_back(id);
    return std::move(group_);
  }

 private:
  const Node& node(int i) const { return graph_.nodes[static_cast<size_t>(i)]; }

  void add_maker(int i) {
    const Node& layer = node(i);
    const auto& dims = graph_.value(layer.output(0)).dims;
    if (!dims || dims->size() < 2) {
      group_.obstacle = "its shape is not known";
      return;
    }
    GroupMaker maker;
    maker.node = i;
    maker.axis = layer.is("Conv") ? 1 : static_cast<int>(dims->size()) - 1;
    maker.value = layer.output(0);
    group_.makers.push_back(maker);
    enqueue({maker.value, maker.axis});
  }

  void enqueue(const Flow& flow) {
    const auto [place, added] = seen_.try_emplace(flow.id, flow);
    const Flow& before = place->second;
    if (added) {
      queue_.push_back(flow);
    } else if (before.axis != flow.axis || before.offset != flow.offset ||
               before.repeat != flow.repeat) {
      group_.obstacle = "its channels meet themselves";
    }
  }

  /** The maker whose output, bias included, is `id`. */
  GroupMaker* maker_of(ValueId id) {
    for (GroupMaker& maker : group_.makers) {
      if (maker.value == id) return &maker;
    }
    return nullptr;
  }

  /** Finds the layers that make the other operand of an addition. */
  bool pull(ValueId id, int axis) {
    if (seen_.contains(id)) return true;
    const int i = index_.producer_index(id);
    if (i < 0) return false;
    const Node& n = node(i);
    if (layers_.contains(i)) {
      const auto& dims = graph_.value(id).dims;
      const int own = n.is("Conv") || !dims ? 1 : static_cast<int>(dims->size()) - 1;
      if (own != axis || ChannelLayer(graph_, n).outputs() != group_.channels) return false;
      add_maker(i);
      return group_.obstacle.empty();
    }
    if (!n.domain.empty()) return false;
    if (n.is("Add")) {
      for (ValueId input : n.inputs) {
        if (!graph_.value(input).is_constant() && !pull(input, axis)) return false;
      }
      return true;
    }
    const bool passes = n.is("Relu") || n.is("LeakyRelu") || n.is("PRelu") || n.is("Clip") ||
                        n.is("Identity") || is_pool(n);
    return passes && pull(n.input(0), axis);
  }

  void follow(const Flow& flow) {
    if (index_.is_output(flow.id)) {
      group_.obstacle = "its output is an output of the model";
      return;
    }
    if (!flow.shifted && index_.consumers(flow.id).size() != 1) group_.passes_shifts = false;
    for (int reader : index_.consumers(flow.id)) {
      const Node& n = node(reader);
      const auto count = std::count(n.inputs.begin(), n.inputs.end(), flow.id);
      if (count != 1 || !n.domain.empty() || !(read(reader, flow) || pass(reader, flow))) {
        group_.obstacle = concat("its channels reach ", n.label(), ", which a scale does not pass");
      }
      if (!group_.obstacle.empty()) return;
    }
  }

  /** A layer whose input channels take the scale. */
  bool read(int reader, const Flow& flow) {
    const Node& n = node(reader);
    if (!n.is("Conv") && !n.is("Gemm") && !n.is("MatMul")) return false;
    if (n.input(0) != flow.id) return false;
    if (!ChannelLayer::obstacle(graph_, index_, n).empty()) return false;
    const auto rank = graph_.value(flow.id).dims->size();
    const int wanted = n.is("MatMul") ? static_cast<int>(rank) - 1 : 1;
    if (flow.axis != wanted || (n.is("Conv") && flow.repeat != 1)) return false;
    const ChannelLayer layer(graph_, n);
    const int64_t end = flow.offset + group_.channels * flow.repeat;
    if (end > layer.inputs() || (flow.offset == 0 && flow.repeat > 1 && end != layer.inputs())) {
      return false;
    }
    group_.readers.push_back({reader, flow.offset, flow.repeat});
    if (n.is("MatMul") || !flow.shifted || !pads_nothing(n)) group_.passes_shifts = false;
    return true;
  }

  bool pads_nothing(const Node& n) const {
    const std::string automatic = n.string_attribute("auto_pad", "NOTSET");
    if (automatic != "NOTSET") return automatic == "VALID";
    const auto pads = n.ints_attribute("pads");
    return std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; });
  }

  /** Follows the output of an operator that a positive scale passes. */
  bool pass(int reader, const Flow& flow) {
    const Node& n = node(reader);
    for (size_t i = 1; i < n.outputs.size(); ++i) {
      if (n.outputs[i] != kNoValue) return false;
    }
    const auto& dims = n.output(0) == kNoValue ? std::nullopt : graph_.value(n.output(0)).dims;
    const auto& from = graph_.value(flow.id).dims;
    if (!dims || !from) return false;
    std::optional<Flow> next = through(reader, n, flow, *from, *dims);
    if (!next) return false;
    next->id = n.output(0);
    enqueue(*next);
    return true;
  }

  std::optional<Flow> through(int reader, const Node& n, const Flow& flow, const Dims& from,
                              const Dims& to) {
    if (n.input(0) != flow.id && !n.is("Concat") && !n.is("Add")) {
      return std::nullopt;
    }
    Flow next = flow;
    if (n.is("Relu")) {
      // Behind a pool or a Concat a bend at zero is right for scales all the same.
      if (flow.shifted) group_.passes_shifts = false;
      rectify(flow.id);
      next.shifted = true;
      return next;
    }
    if (n.is("Clip")) return through_clip(reader, n, flow);
    if (is_pool(n)) {
      if (flow.axis != 1) return std::nullopt;
      if (!flow.shifted || (n.is("AveragePool") && !pads_nothing(n))) group_.passes_shifts = false;
      return next;
    }
    if (n.is("Flatten") || n.is("Reshape") || n.is("Squeeze")) {
      return flattened(flow, from, to);
    }
    if (n.is("Concat")) return through_concat(n, flow, from);
    if (n.is("Identity") || n.is("Dropout")) return next;
    // What follows is no place for shifts.
    group_.passes_shifts = false;
    if (n.is("LeakyRelu")) {
      return n.float_attribute("alpha", 0.01f) >= 0 ? std::optional(next) : std::nullopt;
    }
    if (n.is("PRelu")) {
      return graph_.constant(n.input(1)) != nullptr ? std::optional(next) : std::nullopt;
    }
    if (n.is("Pad")) return keeps_zero_around(n, flow) ? std::optional(next) : std::nullopt;
    if (n.is("Resize")) {
      const auto axis = static_cast<size_t>(flow.axis);
      const bool same = to.size() == from.size() && to[axis] == from[axis];
      const bool crops =
          n.string_attribute("coordinate_transformation_mode", "") == "tf_crop_and_resize";
      return same && !crops ? std::optional(next) : std::nullopt;
    }
    if (n.is("ReduceMean")) return through_mean(n, flow, from, to);
    if (n.is("Add")) return through_add(reader, n, flow, from, to);
    return std::nullopt;
  }

  std::optional<Flow> through_clip(int reader, const Node& n, const Flow& flow) {
    const auto low = bound(graph_, n, 1, -INFINITY);
    const auto high = bound(graph_, n, 2, INFINITY);
    if (!low || !high || std::isnan(*low) || std::isnan(*high)) return std::nullopt;
    const bool no_low = *low == 0 || *low < -3.0e38f;
    const bool no_high = *high > 3.0e38f;
    if (!no_low) return std::nullopt;
    if (!no_high) {
      // Its bound differs between channels once they are scaled, so each has to be its own.
      if (*low != 0 || *high <= 0 || flow.offset != 0 || flow.repeat != 1) return std::nullopt;
      if (maker_of(flow.id) == nullptr || !group_.clips.empty()) return std::nullopt;
      group_.clips.push_back({reader, flow.axis, *low, *high});
    }
    Flow next = flow;
    if (*low == 0) rectify(flow.id);
    if (flow.shifted || *low != 0) group_.passes_shifts = false;
    next.shifted = true;
    return next;
  }

  void rectify(ValueId id) {
    GroupMaker* maker = maker_of(id);
    if (maker != nullptr && index_.only_consumer(id) != nullptr) maker->rectified = true;
  }

  /** [n, c, h, w] -> [n, c * h * w] */
  static std::optional<Flow> flattened(const Flow& flow, const Dims& from, const Dims& to) {
    if (flow.axis != 1 || from.size() < 2) return std::nullopt;
    const auto pixels = extent(from, 2, from.size());
    Flow next = flow;
    if (to.size() == from.size() && to[1] == from[1] && to[0] == from[0]) {
      if (pixels == std::optional<int64_t>(1)) return next;
      return std::nullopt;
    }
    if (to.size() != 2 || !pixels || *pixels < 1) return std::nullopt;
    if (!from[1].known() || !to[1].known() || to[1].value != from[1].value * *pixels) {
      return std::nullopt;
    }
    next.offset *= *pixels;
    next.repeat *= *pixels;
    return next;
  }

  std::optional<Flow> through_concat(const Node& n, const Flow& flow, const Dims& from) const {
    const int rank = static_cast<int>(from.size());
    if (normalize_axis(n.int_attribute("axis", 1), rank, n.label()) != flow.axis) {
      return std::nullopt;
    }
    Flow next = flow;
    for (ValueId input : n.inputs) {
      if (input == flow.id) return next;
      const auto& dims = graph_.value(input).dims;
      if (!dims || dims->size() != from.size()) return std::nullopt;
      const Dim& dim = (*dims)[static_cast<size_t>(flow.axis)];
      if (!dim.known()) return std::nullopt;
      next.offset += dim.value;
    }
    return std::nullopt;
  }

  bool keeps_zero_around(const Node& n, const Flow& flow) const {
    const Tensor* pads = graph_.constant(n.input(1));
    if (pads == nullptr || n.input(3) != kNoValue) return false;
    const std::vector<int64_t> all = to_int64s(*pads, n.label());
    const auto axis = static_cast<size_t>(flow.axis);
    const size_t rank = all.size() / 2;
    if (axis >= rank || all[axis] != 0 || all[rank + axis] != 0) return false;
    if (n.string_attribute("mode", "constant") != "constant") return true;
    const auto value = bound(graph_, n, 2, 0.0f);
    return value && *value == 0;
  }

  std::optional<Flow> through_mean(const Node& n, const Flow& flow, const Dims& from,
                                   const Dims& to) const {
    const Tensor* axes = graph_.constant(n.input(1));
    if (axes == nullptr) return std::nullopt;
    for (int64_t axis : to_int64s(*axes, n.label())) {
      const int rank = static_cast<int>(from.size());
      if (normalize_axis(axis, rank, n.label()) <= flow.axis) return std::nullopt;
    }
    return to.size() > static_cast<size_t>(flow.axis) ? std::optional(flow) : std::nullopt;
  }

  std::optional<Flow> through_add(int reader, const Node& n, const Flow& flow, const Dims& from,
                                  const Dims& to) {
    const ValueId other = n.inputs[n.input(0) == flow.id ? 1 : 0];
    if (graph_.value(other).is_constant()) return through_bias(reader, n, flow, from);
    // Both operands have all the channels, in the same place.
    const auto& dims = graph_.value(other).dims;
    const auto axis = static_cast<size_t>(flow.axis);
    if (!dims || dims->size() != from.size() || from.size() != to.size()) return std::nullopt;
    if (flow.offset != 0 || flow.repeat != 1) return std::nullopt;
    for (const Dim& dim : {from[axis], (*dims)[axis], to[axis]}) {
      if (dim.value != group_.channels) return std::nullopt;
    }
    if (!pull(other, flow.axis)) return std::nullopt;
    if (std::count(group_.sums.begin(), group_.sums.end(), n.output(0)) == 0) {
      group_.sums.push_back(n.output(0));
    }
    return flow;
  }

  /** A constant per channel added right behind the maker: the bias of a MatMul. */
  std::optional<Flow> through_bias(int reader, const Node& n, const Flow& flow, const Dims& from) {
    const size_t other = n.input(0) == flow.id ? 1 : 0;
    const Tensor* constant = graph_.constant(n.input(other));
    if (constant == nullptr || constant->dtype() != DType::f32) return std::nullopt;
    GroupMaker* maker = maker_of(flow.id);
    if (maker == nullptr || index_.only_consumer(flow.id) == nullptr) return std::nullopt;
    const int place = flow.axis - static_cast<int>(from.size()) + constant->shape().rank();
    const bool row = constant->elements() == group_.channels && place >= 0 &&
                     constant->shape()[place] == group_.channels;
    if (!row) return std::nullopt;
    maker->biases.emplace_back(reader, other);
    maker->value = n.output(0);
    return flow;
  }

  const Graph& graph_;
  const GraphIndex& index_;
  const std::set<int>& layers_;
  ChannelGroup group_;
  std::map<ValueId, Flow> seen_;
  std::deque<Flow> queue_;
};

}  // namespace

ChannelGroup group_from(const Graph& graph, const GraphIndex& index, const std::set<int>& layers,
                        int maker) {
  return Walk(graph, index, layers).run(maker);
}

}  // namespace whittle
