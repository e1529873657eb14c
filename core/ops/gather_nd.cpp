// GatherND: one slice for each index tuple.
#include "core/ops/support/indices.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_gather_nd(InferContext& context) {
  const auto& data = context.dims(0);
  const auto& indices = context.dims(1);
  const auto batch = context.node().int_attribute("batch_dims", 0);
  std::optional<Dims> result;
  if (data && indices && !indices->empty() && indices->back().known()) {
    const int64_t taken = batch + indices->back().value;
    if (taken > rank_of(*data)) {
      fail(Code::SHAPE_MISMATCH, context.node().label(), "Expected indices of at most ",
           data->size(), " axes for ", context.node().label(), " but received ",
           to_string(*indices));
    }
    result = Dims(indices->begin(), indices->end() - 1);
    result->insert(result->end(), data->begin() + taken, data->end());
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// y[b, j, rest] = x[b, indices[b, j, 0], ..., indices[b, j, k - 1], rest]
void evaluate_gather_nd(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const int batch_dims = static_cast<int>(node.int_attribute("batch_dims", 0));
  const TupleIndices at = read_tuple_indices(context.input(1), x.shape(), batch_dims, node);
  Shape shape = at.outer;
  for (int64_t dim : at.slice) shape.push_back(dim);
  Tensor& y = context.output(0, x.dtype(), shape);
  const int64_t count = at.slice.elements();
  for (size_t i = 0; i < at.offsets.size(); ++i) {
    copy_elements(y, static_cast<int64_t>(i) * count, x, at.offsets[i], count);
  }
}

}  // namespace

void register_gather_nd(OpTable& table) {
  table.add({.name = "GatherND",
             .infer = infer_gather_nd,
             .evaluate = evaluate_gather_nd,
             .traits = Trait::moves_data});
}

}  // namespace whittle
