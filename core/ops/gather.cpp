// Gather: slices by index along one axis; negative indices count from the end.
#include "core/ops/support/axes.h"
#include "core/ops/support/indices.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_gather(InferContext& context) {
  const auto& data = context.dims(0);
  const auto& indices = context.dims(1);
  std::optional<Dims> result;
  if (data && indices) {
    const Node& node = context.node();
    const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*data), node.label());
    result = Dims(data->begin(), data->begin() + axis);
    result->insert(result->end(), indices->begin(), indices->end());
    result->insert(result->end(), data->begin() + axis + 1, data->end());
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// y[o, j, i] = x[o, indices[j], i]
void evaluate_gather(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 1);
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const AxisSplit split = split_at(x.shape(), axis, node);
  const auto indices = read_indices(context.input(1), split.axis, node);
  Shape shape(x.shape().dims().first(static_cast<size_t>(axis)));
  for (int64_t dim : context.input(1).shape()) shape.push_back(dim);
  for (int64_t dim : x.shape().dims().subspan(static_cast<size_t>(axis) + 1)) shape.push_back(dim);
  Tensor& y = context.output(0, x.dtype(), shape);
  int64_t out = 0;
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t index : indices) {
      copy_elements(y, out, x, (o * split.axis + index) * split.inner, split.inner);
      out += split.inner;
    }
  }
}

}  // namespace

void register_gather(OpTable& table) {
  table.add({.name = "Gather",
             .infer = infer_gather,
             .evaluate = evaluate_gather,
             .traits = Trait::moves_data});
}

}  // namespace whittle
