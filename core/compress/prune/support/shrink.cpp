#include "core/compress/prune/support/shrink.h"

#include <algorithm>

#include "core/compress/prune/support/moves.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

int64_t count_kept(const std::vector<bool>& kept, int64_t begin, int64_t end) {
  return std::count(kept.begin() + begin, kept.begin() + end, true);
}

/** Brings the numbers of nodes in line with axes that have become shorter. */
class NodeShrinker {
 public:
  NodeShrinker(Graph& graph, const KeptPlaces& kept) : graph_(graph), kept_(kept), names_(graph) {}

  void run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      if (!node.domain.empty()) continue;
      if (node.is("Conv") || node.is("ConvTranspose")) groups(node);
      if (node.is("LSTM") || node.is("GRU") || node.is("RNN")) hidden_size(node);
      if (node.is("Split")) pieces(node);
      if (node.is("Slice")) range(node);
      if (node.is("Pad")) pads(node);
      if (node.is("Reshape")) shape(node, 1);
      if (node.is("Resize")) shape(node, 3);
      if (node.is("Gather")) indices(node);
    }
  }

 private:
  const std::vector<bool>* kept(ValueId id, int axis) const {
    const auto found = kept_.find({id, axis});
    return found == kept_.end() ? nullptr : &found->second;
  }

  /** The first axis of a value that has become shorter, from `from` on; -1: none. */
  int next_axis(ValueId id, int from) const {
    const auto found = kept_.lower_bound({id, from});
    return found == kept_.end() || found->first.value != id ? -1 : found->first.axis;
  }

  std::vector<int64_t> integers(const Node& node, size_t input) const {
    return to_int64s(*graph_.constant(node.input(input)), node.label());
  }

  /** A constant of the node's own in place of an input. */
  void set_integers(Node& node, size_t input, const std::vector<int64_t>& values) {
    if (node.inputs.size() <= input) node.inputs.resize(input + 1, kNoValue);
    const Shape shape{static_cast<int64_t>(values.size())};
    const Tensor* old = graph_.constant(node.inputs[input]);
    Tensor tensor = Tensor::of(shape, std::span<const int64_t>(values));
    if (old != nullptr && old->dtype() == DType::i32) {
      const std::vector<int32_t> narrow(values.begin(), values.end());
      tensor = Tensor::of(shape, std::span<const int32_t>(narrow));
    }
    node.inputs[input] = graph_.add_constant(names_.fresh("k"), std::move(tensor));
  }

  void groups(Node& node) {
    const auto* x = kept(node.input(0), 1);
    const int64_t groups = node.int_attribute("group", 1);
    // As many groups as channels: each of them goes with its channel.
    if (x == nullptr || groups == 1 || groups != static_cast<int64_t>(x->size())) return;
    node.attributes["group"] = count_kept(*x, 0, groups);
  }

  void hidden_size(Node& node) {
    const auto* units = kept(node.input(2), 2);
    if (units == nullptr || !node.has("hidden_size")) return;
    node.attributes["hidden_size"] = count_kept(*units, 0, static_cast<int64_t>(units->size()));
  }

  void pieces(Node& node) {
    const ValueId x = node.input(0);
    for (int axis = next_axis(x, 0); axis >= 0; axis = next_axis(x, axis + 1)) {
      const int rank = static_cast<int>(graph_.value(x).dims->size());
      if (normalize_axis(node.int_attribute("axis", 0), rank, node.label()) != axis) continue;
      const std::vector<bool>& all = *kept(x, axis);
      std::vector<int64_t> sizes = *split_sizes(graph_, node, static_cast<int64_t>(all.size()));
      int64_t offset = 0;
      for (int64_t& size : sizes) {
        const int64_t end = offset + size;
        size = count_kept(all, offset, end);
        offset = end;
      }
      set_integers(node, 1, sizes);
      node.attributes.erase("num_outputs");
    }
  }

  void range(Node& node) {
    const ValueId x = node.input(0);
    for (int axis = next_axis(x, 0); axis >= 0; axis = next_axis(x, axis + 1)) {
      const std::vector<bool>& all = *kept(x, axis);
      const int rank = static_cast<int>(graph_.value(x).dims->size());
      const auto part = slice_range(graph_, node, axis, rank, static_cast<int64_t>(all.size()));
      if (!part || part->entry < 0) continue;
      std::vector<int64_t> starts = integers(node, 1);
      std::vector<int64_t> ends = integers(node, 2);
      const auto at = static_cast<size_t>(part->entry);
      starts[at] = count_kept(all, 0, part->begin);
      ends[at] = count_kept(all, 0, part->end);
      set_integers(node, 1, starts);
      set_integers(node, 2, ends);
    }
  }

  void pads(Node& node) {
    const ValueId y = node.output(0);
    for (int axis = next_axis(y, 0); axis >= 0; axis = next_axis(y, axis + 1)) {
      const std::vector<bool>& all = *kept(y, axis);
      const int rank = static_cast<int>(graph_.value(y).dims->size());
      const auto old = axis_pads(graph_, node, axis, rank);
      if (!old || old->entry < 0) continue;
      const auto extent = static_cast<int64_t>(all.size());
      std::vector<int64_t> pads = integers(node, 1);
      const auto at = static_cast<size_t>(old->entry);
      pads[at] = count_kept(all, 0, old->before);
      pads[pads.size() / 2 + at] = count_kept(all, extent - old->after, extent);
      set_integers(node, 1, pads);
    }
  }

  /** Dimensions that are stated: the shape of a Reshape, the sizes of a Resize. */
  void shape(Node& node, size_t input) {
    const ValueId y = node.output(0);
    const Tensor* stated = graph_.constant(node.input(input));
    if (stated == nullptr || stated->elements() == 0) return;
    std::vector<int64_t> dims = integers(node, input);
    bool changed = false;
    for (int axis = next_axis(y, 0); axis >= 0; axis = next_axis(y, axis + 1)) {
      const std::vector<bool>& all = *kept(y, axis);
      int64_t& dim = dims[static_cast<size_t>(axis)];
      if (dim <= 0) continue;  // copied, or what is left over
      dim = count_kept(all, 0, static_cast<int64_t>(all.size()));
      changed = true;
    }
    if (changed) set_integers(node, input, dims);
  }

  void indices(Node& node) {
    const ValueId x = node.input(0);
    const int rank = static_cast<int>(graph_.value(x).dims ? graph_.value(x).dims->size() : 0);
    if (rank == 0) return;
    const int along = normalize_axis(node.int_attribute("axis", 0), rank, node.label());
    const auto* in = kept(x, along);
    if (in == nullptr) return;
    const auto* out = kept(node.output(0), along);
    const std::vector<int64_t> old = integers(node, 1);
    std::vector<int64_t> now;
    for (size_t i = 0; i < old.size(); ++i) {
      const auto extent = static_cast<int64_t>(in->size());
      const int64_t at = old[i] < 0 ? old[i] + extent : old[i];
      if (out == nullptr || (*out)[i]) now.push_back(count_kept(*in, 0, at));
    }
    set_integers(node, 1, now);
  }

  Graph& graph_;
  const KeptPlaces& kept_;
  NameMaker names_;
};

/** Every axis has the extent it was promised. */
void check(const Graph& graph, const KeptPlaces& kept) {
  for (const auto& [at, places] : kept) {
    const Value& value = graph.value(at.value);
    if (!value.dims || static_cast<int>(value.dims->size()) <= at.axis) continue;
    const Dim& dim = (*value.dims)[static_cast<size_t>(at.axis)];
    const int64_t wanted = count_kept(places, 0, static_cast<int64_t>(places.size()));
    if (!dim.known() || dim.value == wanted) continue;
    fail(Code::SHAPE_MISMATCH, value.name, "Expected ", wanted, " channels for \"", value.name,
         "\" but received ", dim.value);
  }
}

}  // namespace

KeptPlaces kept_places(const ChannelSlots& slots, const std::set<int>& removed) {
  KeptPlaces result;
  for (const auto& [at, range] : slots.axes()) {
    std::vector<bool> kept(static_cast<size_t>(range.second), true);
    bool changed = false;
    for (int64_t i = 0; i < range.second; ++i) {
      if (!removed.contains(slots.class_of(at, i))) continue;
      kept[static_cast<size_t>(i)] = false;
      changed = true;
    }
    if (changed) result.emplace(at, std::move(kept));
  }
  return result;
}

Tensor kept_part(const Tensor& tensor, int axis, const std::vector<bool>& kept) {
  Shape shape = tensor.shape();
  const auto outer = static_cast<size_t>(shape.elements(0, axis));
  const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
  const size_t extent = kept.size();
  shape[axis] = count_kept(kept, 0, static_cast<int64_t>(extent));
  Tensor result = Tensor::allocate(tensor.dtype(), shape);
  const size_t bytes = inner * static_cast<size_t>(dtype_bytes(tensor.dtype(), 1));
  std::byte* to = result.mutable_raw();
  for (size_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < extent; ++i) {
      if (!kept[i]) continue;
      to = std::copy_n(tensor.raw() + (o * extent + i) * bytes, bytes, to);
    }
  }
  return result;
}

void shrink(Graph& graph, const OpTable& ops, const KeptPlaces& kept) {
  NodeShrinker(graph, kept).run();
  for (const auto& [at, places] : kept) {
    Value& value = graph.value(at.value);
    if (value.is_constant()) value.constant = kept_part(value.constant, at.axis, places);
  }
  std::set<ValueId> stated(graph.inputs.begin(), graph.inputs.end());
  stated.insert(graph.outputs.begin(), graph.outputs.end());
  for (size_t i = 0; i < graph.values.size(); ++i) {
    Value& value = graph.values[i];
    if (value.is_constant()) {
      value.dims = to_dims(value.constant.shape());
    } else if (!stated.contains(static_cast<ValueId>(i))) {
      value.dims.reset();
    }
  }
  infer_shapes(graph, ops);
  check(graph, kept);
}

}  // namespace whittle
