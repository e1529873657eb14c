// Split: pieces of a tensor along an axis.
#include <algorithm>
#include <vector>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** Lengths of Split's pieces: the input `split`, or equal ones with the last one shorter. */
std::vector<int64_t> piece_lengths(const Node& node, int64_t extent, size_t pieces,
                                   const std::optional<std::vector<int64_t>>& split) {
  std::vector<int64_t> lengths;
  if (split) {
    lengths = *split;
  } else if (pieces > 0) {
    const auto count = static_cast<int64_t>(pieces);
    const int64_t each = (extent + count - 1) / count;
    for (int64_t i = 0; i < count; ++i) {
      lengths.push_back(std::clamp<int64_t>(extent - i * each, 0, each));
    }
  }
  int64_t total = 0;
  for (int64_t length : lengths) total = checked_add(total, length, "Split");
  if (total != extent || lengths.size() != pieces) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", pieces, " lengths with sum ", extent,
         " for ", node.label(), " but received ", to_string(Shape(lengths)));
  }
  return lengths;
}

void infer_split(InferContext& context) {
  const Node& node = context.node();
  const auto& dims = context.dims(0);
  const auto split = context.integers(1);
  for (size_t i = 0; i < context.output_count(); ++i) {
    std::optional<Dims> part = dims;
    if (part) {
      const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*dims), node.label());
      Dim& dim = (*part)[static_cast<size_t>(axis)];
      const bool is_known = dim.known() && (split || !context.has_input(1));
      if (is_known) {
        dim = piece_lengths(node, dim.value, context.output_count(), split)[i];
      } else {
        dim = split && i < split->size() ? Dim((*split)[i]) : Dim();
      }
    }
    context.set_output(i, context.dtype(0), std::move(part));
  }
}

void evaluate_split(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  std::optional<std::vector<int64_t>> split;
  if (context.has_input(1)) split = to_int64s(context.input(1), node.label());
  const auto lengths = piece_lengths(node, x.shape()[axis], node.outputs.size(), split);
  View from = view_of(x.shape());
  for (size_t i = 0; i < lengths.size(); ++i) {
    Shape part = x.shape();
    part[axis] = lengths[i];
    if (context.wants_output(i)) {
      Tensor& y = context.output(i, x.dtype(), part);
      copy_view(y, view_of(part), x, from, part);
    }
    from.offset += lengths[i] * from.strides[axis];
  }
}

}  // namespace

void register_split(OpTable& table) {
  table.add({.name = "Split",
             .infer = infer_split,
             .evaluate = evaluate_split,
             .traits = Trait::moves_data});
}

}  // namespace whittle
