// What operators couple that keep channels apart.
#include <algorithm>

#include "core/compress/prune/support/coupling_rules.h"

namespace whittle {
namespace {

std::string fixed_at(const Node& node) {
  return concat("its width is fixed at ", node.label());
}

/** Whether a node takes part with its first input and output alone. */
bool is_plain(const Node& node, Operand from) {
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) return false;
  }
  return from.index == 0;
}

void tie_through(Coupling& coupling, const Node& node, int axis) {
  coupling.tie(node.input(0), axis, node.output(0), axis);
}

}  // namespace

void couple_elementwise(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId at = from.of(node);
  const ValueId y = node.output(0);
  const int y_rank = coupling.rank(y);
  if (y_rank < 0) return coupling.pin(at, axis, fixed_at(node));
  const int y_axis = axis + y_rank - coupling.rank(at);
  const int64_t extent = coupling.extent(y, y_axis);
  // One channel that is spread over many stays where it is.
  if (extent != coupling.extent(at, axis)) {
    if (coupling.extent(at, axis) != 1) coupling.pin(at, axis, fixed_at(node));
    return;
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) coupling.tie(y, y_axis, node.outputs[i], y_axis);
  }
  for (ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    const int own = y_axis - y_rank + coupling.rank(id);
    if (coupling.rank(id) < 0) {
      coupling.pin(at, axis, fixed_at(node));
    } else if (own >= 0 && coupling.extent(id, own) == extent) {
      coupling.tie(y, y_axis, id, own);
    } else if (own >= 0 && coupling.extent(id, own) != 1) {
      coupling.pin(at, axis, fixed_at(node));
    }
  }
}

void couple_batch_norm(Coupling& coupling, const Node& node, Operand from, int axis) {
  if (from.output && from.index > 0) return coupling.pin(from.of(node), axis, fixed_at(node));
  const bool table = !from.output && from.index > 0;
  if (!table && axis != 1) return tie_through(coupling, node, axis);
  tie_through(coupling, node, 1);
  for (size_t i = 1; i < node.inputs.size(); ++i)
    coupling.tie(node.output(0), 1, node.inputs[i], 0);
}

void couple_instance_norm(Coupling& coupling, const Node& node, Operand from, int axis) {
  couple_batch_norm(coupling, node, from, axis);
}

void couple_pool(Coupling& coupling, const Node& node, Operand from, int axis) {
  if (!is_plain(node, from) || axis > 1) return coupling.pin(from.of(node), axis, fixed_at(node));
  tie_through(coupling, node, axis);
}

/** Operators that work on everything from `axis` on (LayerNormalization): in front it is free. */
void couple_from_axis(Coupling& coupling, const Node& node, Operand from, int axis) {
  const int rank = coupling.rank(node.input(0));
  const int first = normalize_axis(node.int_attribute("axis", -1), std::max(rank, 1), node.label());
  if (!is_plain(node, from) || rank < 0 || axis >= first) {
    return coupling.pin(from.of(node), axis,
                        concat("statistics are taken over it at ", node.label()));
  }
  tie_through(coupling, node, axis);
}

/** Operators that work along one axis (Softmax). */
void couple_along_axis(Coupling& coupling, const Node& node, Operand from, int axis) {
  const int rank = coupling.rank(node.input(0));
  const int along = normalize_axis(node.int_attribute("axis", -1), std::max(rank, 1), node.label());
  if (!is_plain(node, from) || rank < 0 || axis == along) {
    return coupling.pin(from.of(node), axis,
                        concat("statistics are taken over it at ", node.label()));
  }
  tie_through(coupling, node, axis);
}

void couple_reduce(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId at = from.of(node);
  const int rank = coupling.rank(node.input(0));
  const auto axes = node.input(1) == kNoValue ? std::optional(std::vector<int64_t>{})
                                              : coupling.integers(node, 1);
  if (rank < 0 || !axes || from.index != 0 || axes->empty()) {
    return coupling.pin(at, axis, fixed_at(node));
  }
  std::vector<bool> reduced(static_cast<size_t>(rank), false);
  for (int64_t each : *axes) {
    reduced[static_cast<size_t>(normalize_axis(each, rank, node.label()))] = true;
  }
  const bool keeps = node.int_attribute("keepdims", 1) != 0;
  int out = 0;
  for (int in = 0; in < rank; ++in) {
    const bool gone = reduced[static_cast<size_t>(in)];
    const bool here = from.output ? (!gone || keeps) && out == axis : in == axis;
    if (here && gone) return coupling.pin(at, axis, concat("it is summed up at ", node.label()));
    if (here) return coupling.tie(node.input(0), in, node.output(0), out);
    out += !gone || keeps ? 1 : 0;
  }
}

/** QuantizeLinear and DequantizeLinear: scales and zero points are per tensor or along `axis`. */
void couple_quantize(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const int rank = coupling.rank(x);
  if (rank < 0 || node.int_attribute("block_size", 0) != 0) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  const bool table = !from.output && from.index > 0;
  const bool per_axis = coupling.rank(node.input(1)) == 1;
  const int along =
      per_axis ? normalize_axis(node.int_attribute("axis", 1), rank, node.label()) : -1;
  const int at = table ? along : axis;
  if (at < 0) return;
  coupling.tie(x, at, node.output(0), at);
  if (at != along) return;
  for (const size_t i : {size_t{1}, size_t{2}}) coupling.tie(x, at, node.input(i), 0);
}

void couple_resize(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const ValueId y = node.output(0);
  const int64_t extent = coupling.extent(x, axis);
  const bool crops =
      node.string_attribute("coordinate_transformation_mode", "") == "tf_crop_and_resize";
  if (from.index != 0 || crops || extent < 0 || axis > 1) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  tie_through(coupling, node, axis);
  // Sizes that are computed follow the input's shape; stated ones are changed with it.
  const Tensor* sizes = coupling.graph().constant(node.input(3));
  if (sizes != nullptr && sizes->elements() > 0 && node.has("axes")) {
    coupling.pin(y, axis, fixed_at(node));
  }
}

namespace {

/** Whether integers made from a shape end up in no other place than the sizes of a Resize or a pick
 * of other axes than `axis`. */
bool only_resizes(const Coupling& coupling, ValueId shape, int axis, bool whole) {
  if (coupling.index().is_output(shape)) return false;
  for (int reader : coupling.index().consumers(shape)) {
    const Node& node = coupling.graph().nodes[static_cast<size_t>(reader)];
    if (node.is("Resize") && node.input(3) == shape) continue;
    if (node.is("Gather") && whole && node.input(0) == shape) {
      const auto picked = coupling.integers(node, 1);
      if (picked && std::count(picked->begin(), picked->end(), axis) == 0 &&
          std::all_of(picked->begin(), picked->end(), [](int64_t each) { return each >= 0; })) {
        continue;
      }
    }
    if (node.is("Slice") && whole && node.input(0) == shape && node.input(4) == kNoValue) {
      const auto starts = coupling.integers(node, 1);
      const auto ends = coupling.integers(node, 2);
      if (starts && ends && starts->size() == 1 && (*starts)[0] >= 0 && (*ends)[0] >= 0 &&
          (axis < (*starts)[0] || axis >= (*ends)[0])) {
        continue;
      }
    }
    const bool passes = node.is("Slice") || node.is("Concat") || node.is("Cast") ||
                        node.is("Unsqueeze") || node.is("Squeeze") || node.is("Identity");
    if (!passes || !only_resizes(coupling, node.output(0), axis, false)) return false;
  }
  return true;
}

}  // namespace

/** Shape: its reader may be told another number, where that can only be a size it follows. */
void couple_shape_of(Coupling& coupling, const Node& node, Operand from, int axis) {
  if (from.output) return coupling.pin(from.of(node), axis, fixed_at(node));
  const bool whole = node.is("Shape") && node.int_attribute("start", 0) == 0;
  if (whole && only_resizes(coupling, node.output(0), axis, true)) return;
  coupling.pin(node.input(0), axis, concat("its width is read by ", node.label()));
}

}  // namespace whittle
