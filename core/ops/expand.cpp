// Expand: broadcasts to a shape.
#include <algorithm>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_expand(InferContext& context) {
  const auto target = context.integers(1);
  const auto& dims = context.dims(0);
  const auto& length = context.dims(1);
  std::optional<Dims> result;
  if (dims && target) {
    result = broadcast_dims(*dims, Dims(target->begin(), target->end()), context.node().label());
  } else if (dims && length && length->size() == 1 && length->front().known() &&
             length->front().value <= kMaxRank) {
    result = unknown_dims(std::max(rank_of(*dims), static_cast<int>(length->front().value)));
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_expand(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const auto target = to_int64s(context.input(1), node.label());
  const Shape shape = broadcast(x.shape(), Shape(target), node.label());
  Tensor& y = context.output(0, x.dtype(), shape);
  copy_view(y, view_of(shape), x, {0, broadcast_strides(x.shape(), shape)}, shape);
}

}  // namespace

void register_expand(OpTable& table) {
  table.add({.name = "Expand",
             .infer = infer_expand,
             .evaluate = evaluate_expand,
             .traits = Trait::moves_data});
}

}  // namespace whittle
