// Slice: along each given axis the elements start, start + step, ... before end.
#include <algorithm>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

struct AxisRange {
  int64_t start;
  int64_t step;
  int64_t count;
};

/** Clamps as numpy does: out of range ends mean "up to the border". */
AxisRange resolve(int64_t extent, int64_t start, int64_t end, int64_t step, const Node& node) {
  if (step == 0) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a step other than 0 for ", node.label(),
         " but received 0");
  }
  const int64_t low = step > 0 ? 0 : -1;
  const int64_t high = step > 0 ? extent : extent - 1;
  start = std::clamp(start < 0 ? start + extent : start, step > 0 ? low : int64_t{0}, high);
  end = std::clamp(end < 0 ? std::max(end + extent, int64_t{-1}) : end, low, high);
  if (extent == 0) return {0, step, 0};
  // Unsigned: a step at the end of the int64 range must not overflow.
  const auto distance = static_cast<uint64_t>(step > 0 ? end - start : start - end);
  const uint64_t pace = step > 0 ? static_cast<uint64_t>(step) : -static_cast<uint64_t>(step);
  const bool is_empty = step > 0 ? end <= start : start <= end;
  return {start, step, is_empty ? 0 : static_cast<int64_t>((distance - 1) / pace + 1)};
}

/** The i-th axis to slice; the default is the i-th. */
int axis_at(const std::optional<std::vector<int64_t>>& axes, size_t i, int rank, const Node& node) {
  const int64_t axis = axes ? axes->at(i) : static_cast<int64_t>(i);
  return normalize_axis(axis, rank, node.label());
}

void require_lengths(const Node& node, const std::vector<int64_t>& starts,
                     const std::optional<std::vector<int64_t>>& other) {
  if (other && other->size() != starts.size()) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", starts.size(),
         " values in every input of ", node.label(), " but received ", other->size());
  }
}

void infer_slice(InferContext& context) {
  const Node& node = context.node();
  std::optional<Dims> result = context.dims(0);
  const auto starts = context.integers(1);
  const auto ends = context.integers(2);
  const auto axes = context.integers(3);
  const auto steps = context.integers(4);
  const bool knows_axes = axes || !context.has_input(3);
  if (!result) {
    context.set_output(0, context.dtype(0));
    return;
  }
  if (!knows_axes || (!starts && !axes)) {
    context.set_output(0, context.dtype(0), unknown_dims(rank_of(*result)));
    return;
  }
  if (starts) require_lengths(node, *starts, axes);
  const size_t count = starts ? starts->size() : axes->size();
  for (size_t i = 0; i < count; ++i) {
    Dim& dim = (*result)[static_cast<size_t>(axis_at(axes, i, rank_of(*result), node))];
    const bool knows_range = starts && ends && (steps || !context.has_input(4));
    if (dim.known() && knows_range) {
      require_lengths(node, *starts, ends);
      require_lengths(node, *starts, steps);
      dim = resolve(dim.value, (*starts)[i], (*ends)[i], steps ? (*steps)[i] : 1, node).count;
    } else {
      dim = Dim();
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_slice(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor& x = context.input(0);
  const auto integers = [&](size_t i) {
    std::optional<std::vector<int64_t>> values;
    if (context.has_input(i)) values = to_int64s(context.input(i), node.label());
    return values;
  };
  const auto starts = *integers(1);
  const auto ends = integers(2);
  const auto axes = integers(3);
  const auto steps = integers(4);
  require_lengths(node, starts, ends);
  require_lengths(node, starts, axes);
  require_lengths(node, starts, steps);
  Shape shape = x.shape();
  View from = view_of(shape);
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = axis_at(axes, i, shape.rank(), node);
    const AxisRange range =
        resolve(shape[axis], starts[i], (*ends)[i], steps ? (*steps)[i] : 1, node);
    from.offset += range.start * from.strides[axis];
    // A single element has no next one, and its step may be anything.
    from.strides[axis] *= range.count > 1 ? range.step : 1;
    shape[axis] = range.count;
  }
  Tensor& y = context.output(0, x.dtype(), shape);
  copy_view(y, view_of(shape), x, from, shape);
}

}  // namespace

void register_slice(OpTable& table) {
  table.add({.name = "Slice",
             .infer = infer_slice,
             .evaluate = evaluate_slice,
             .traits = Trait::moves_data});
}

}  // namespace whittle
