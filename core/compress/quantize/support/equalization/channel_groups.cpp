#include "core/compress/quantize/support/equalization/channel_groups.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "core/compress/quantize/support/equalization/channel_flow.h"
#include "core/tensor/shape.h"

namespace whittle {
namespace {

/** Channels on their way: position i along `axis` of a value holds channels[i], or none (-1). */
struct Flow {
  ValueId id = kNoValue;
  int axis = 1;
  std::vector<int> channels;
  bool shifted = false;  // past the activation: a constant added here reaches the readers as it is
};

bool is_whole(const std::vector<int>& channels) {
  for (size_t i = 0; i < channels.size(); ++i) {
    if (channels[i] != static_cast<int>(i)) return false;
  }
  return true;
}

/** A scalar constant, or `absent` where the input is missing. */
std::optional<float> bound(const Graph& graph, const Node& node, size_t input, float absent) {
  if (node.input(input) == kNoValue) return absent;
  const Tensor* constant = graph.constant(node.input(input));
  if (constant == nullptr || constant->elements() != 1) return std::nullopt;
  return to_floats(*constant, node.label())[0];
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
    for (auto& [id, flow] : seen_) {
      group_.values.push_back({id, flow.axis, std::move(flow.channels), {}});
    }
    if (group_.obstacle.empty()) count_makers();
    return std::move(group_);
  }

 private:
  /** Fills GroupValue::makers along the nodes, which are in topological order, and `linear`. */
  void count_makers() {
    std::map<ValueId, GroupValue*> values;
    for (GroupValue& value : group_.values) values[value.id] = &value;
    group_.linear = true;
    for (size_t m = 0; m < group_.makers.size(); ++m) {
      const GroupMaker& maker = group_.makers[m];
      std::vector<int>& counts = values.at(maker.value)->makers;
      counts.assign(group_.makers.size(), 0);
      counts[m] = 1;
      group_.linear = group_.linear && !node(maker.node).is("MatMul");
    }
    for (const Node& n : graph_.nodes) {
      for (ValueId out : n.outputs) {
        const auto found = values.find(out);
        if (found == values.end() || !found->second->makers.empty()) continue;
        std::vector<int> counts(group_.makers.size(), 0);
        for (ValueId input : n.inputs) {
          const GroupValue* from = source(values, input);
          for (size_t m = 0; from != nullptr && m < from->makers.size(); ++m) {
            counts[m] += from->makers[m];
          }
        }
        found->second->makers = std::move(counts);
        group_.linear = group_.linear && adds_only(n);
      }
    }
    for (const GroupReader& reader : group_.readers) {
      const Node& n = node(reader.node);
      group_.linear = group_.linear && !n.is("MatMul") && pads_nothing(n);
    }
  }

  /** The value of the group behind `id`, through the nodes of a channel shuffle. */
  const GroupValue* source(const std::map<ValueId, GroupValue*>& values, ValueId id) const {
    while (id != kNoValue) {
      const auto found = values.find(id);
      if (found != values.end()) return found->second;
      const bool inside = std::count(group_.between.begin(), group_.between.end(), id) > 0;
      const Node* producer = inside ? index_.producer(id) : nullptr;
      id = producer != nullptr ? producer->input(0) : kNoValue;
    }
    return nullptr;
  }

  static bool adds_only(const Node& n) {
    return n.is("Add") || n.is("Identity") || n.is("Concat") || n.is("Split") || n.is("Reshape") ||
           n.is("Flatten") || n.is("Squeeze") || n.is("GlobalAveragePool");
  }

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
    std::vector<int> channels(static_cast<size_t>(group_.channels));
    std::iota(channels.begin(), channels.end(), 0);
    enqueue({maker.value, maker.axis, std::move(channels)});
  }

  void enqueue(const Flow& flow) {
    const auto [place, added] = seen_.try_emplace(flow.id, flow);
    const Flow& before = place->second;
    if (added) {
      queue_.push_back(flow);
    } else if (before.axis != flow.axis || before.channels != flow.channels) {
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
                        n.is("Identity") || is_channel_pool(n);
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
    if (flow.axis != wanted) return false;
    if (ChannelLayer(graph_, n).inputs() != static_cast<int64_t>(flow.channels.size())) {
      return false;
    }
    group_.readers.push_back({reader, flow.channels});
    if (n.is("MatMul") || !flow.shifted || !pads_nothing(n)) group_.passes_shifts = false;
    return true;
  }

  bool pads_nothing(const Node& n) const {
    const std::string automatic = n.string_attribute("auto_pad", "NOTSET");
    if (automatic != "NOTSET") return automatic == "VALID";
    const auto pads = n.ints_attribute("pads");
    return std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; });
  }

  /** Follows the outputs of an operator that a positive scale passes. */
  bool pass(int reader, const Flow& flow) {
    const Node& n = node(reader);
    for (size_t i = 1; i < n.outputs.size(); ++i) {
      if (n.outputs[i] != kNoValue && !n.is("Split")) return false;
    }
    const auto input = static_cast<size_t>(std::find(n.inputs.begin(), n.inputs.end(), flow.id) -
                                           n.inputs.begin());
    bool shifted = flow.shifted;
    if (!passes_scale(reader, n, input, flow, shifted)) return false;
    const std::vector<ChannelFlow> flows = channel_flows(graph_, index_, reader, input, flow.axis);
    for (const ChannelFlow& each : flows) {
      Flow next{each.value, each.axis, {}, shifted};
      bool any = false;
      for (int from : each.from) {
        next.channels.push_back(from < 0 ? -1 : flow.channels[static_cast<size_t>(from)]);
        any = any || next.channels.back() >= 0;
      }
      group_.between.insert(group_.between.end(), each.between.begin(), each.between.end());
      if (any) enqueue(next);
    }
    return !flows.empty();
  }

  /** Whether scaling an input's channels scales those of the output alike; `shifted` becomes true
   * behind the activation. */
  bool passes_scale(int reader, const Node& n, size_t input, const Flow& flow, bool& shifted) {
    if (n.is("Add")) return passes_add(reader, n, input, flow);
    if (n.is("Concat")) {
      const int rank = static_cast<int>(graph_.value(flow.id).dims->size());
      return normalize_axis(n.int_attribute("axis", 1), rank, n.label()) == flow.axis;
    }
    if (input != 0) return false;
    if (n.is("Relu")) {
      // Behind a pool or a Concat a bend at zero is right for scales all the same.
      if (flow.shifted) group_.passes_shifts = false;
      rectify(flow.id);
      return shifted = true;
    }
    if (n.is("Clip")) return passes_clip(reader, n, flow, shifted);
    if (is_channel_pool(n)) {
      if (!flow.shifted || (n.is("AveragePool") && !pads_nothing(n))) group_.passes_shifts = false;
      return true;
    }
    const bool keeps = n.is("Flatten") || n.is("Reshape") || n.is("Squeeze") || n.is("Split") ||
                       n.is("Identity") || n.is("Dropout");
    if (keeps) return true;
    // What follows is no place for shifts.
    group_.passes_shifts = false;
    if (n.is("LeakyRelu")) return n.float_attribute("alpha", 0.01f) >= 0;
    if (n.is("PRelu")) return graph_.constant(n.input(1)) != nullptr;
    if (n.is("Pad")) return keeps_zero_around(n, flow);
    if (n.is("Resize")) {
      return n.string_attribute("coordinate_transformation_mode", "") != "tf_crop_and_resize";
    }
    return n.is("ReduceMean");
  }

  bool passes_clip(int reader, const Node& n, const Flow& flow, bool& shifted) {
    const auto low = bound(graph_, n, 1, -INFINITY);
    const auto high = bound(graph_, n, 2, INFINITY);
    if (!low || !high || std::isnan(*low) || std::isnan(*high)) return false;
    const bool no_low = *low == 0 || *low < -3.0e38f;
    const bool no_high = *high > 3.0e38f;
    if (!no_low) return false;
    if (!no_high) {
      // Its bound differs between channels once they are scaled, so each has to be its own.
      if (*low != 0 || *high <= 0 || !is_whole(flow.channels)) return false;
      if (maker_of(flow.id) == nullptr || !group_.clips.empty()) return false;
      group_.clips.push_back({reader, flow.axis, *low, *high});
    }
    if (*low == 0) rectify(flow.id);
    if (flow.shifted || *low != 0) group_.passes_shifts = false;
    return shifted = true;
  }

  void rectify(ValueId id) {
    GroupMaker* maker = maker_of(id);
    if (maker != nullptr && index_.only_consumer(id) != nullptr) maker->rectified = true;
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

  bool passes_add(int reader, const Node& n, size_t input, const Flow& flow) {
    const ValueId other = n.inputs[1 - input];
    if (graph_.value(other).is_constant()) return passes_bias(reader, n, input, flow);
    // Both operands have all the channels, in the same place.
    if (!is_whole(flow.channels) || flow.channels.size() != static_cast<size_t>(group_.channels) ||
        channels_along(graph_, other, flow.axis) != group_.channels || !pull(other, flow.axis)) {
      return false;
    }
    if (std::count(group_.sums.begin(), group_.sums.end(), n.output(0)) == 0) {
      group_.sums.push_back(n.output(0));
    }
    return true;
  }

  /** A constant per channel added right behind the maker: the bias of a MatMul. */
  bool passes_bias(int reader, const Node& n, size_t input, const Flow& flow) {
    const Tensor* constant = graph_.constant(n.input(1 - input));
    if (constant == nullptr || constant->dtype() != DType::f32) return false;
    GroupMaker* maker = maker_of(flow.id);
    if (maker == nullptr || index_.only_consumer(flow.id) == nullptr) return false;
    const int rank = static_cast<int>(graph_.value(flow.id).dims->size());
    const int place = flow.axis - rank + constant->shape().rank();
    const bool row = constant->elements() == group_.channels && place >= 0 &&
                     constant->shape()[place] == group_.channels;
    if (!row) return false;
    maker->biases.emplace_back(reader, 1 - input);
    maker->value = n.output(0);
    return true;
  }

  const Graph& graph_;
  const GraphIndex& index_;
  const std::set<int>& layers_;
  ChannelGroup group_;
  std::map<ValueId, Flow> seen_;
  std::deque<Flow> queue_;
};

}  // namespace

double shift_at(const GroupValue& value, size_t i,
                const std::vector<std::vector<float>>& absorbed) {
  const int c = value.channels[i];
  double shift = 0;
  for (size_t m = 0; c >= 0 && m < absorbed.size(); ++m) {
    if (absorbed[m].empty()) continue;
    shift += static_cast<double>(value.makers[m]) * absorbed[m][static_cast<size_t>(c)];
  }
  return shift;
}

ChannelGroup group_from(const Graph& graph, const GraphIndex& index, const std::set<int>& layers,
                        int maker) {
  return Walk(graph, index, layers).run(maker);
}

}  // namespace whittle
