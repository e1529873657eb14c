// Transpose: output axis i is input axis perm[i]; the default reverses the axes.
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

std::vector<int64_t> permutation(const Node& node, int rank) {
  std::vector<int64_t> perm = node.ints_attribute("perm");
  if (!node.has("perm")) {
    for (int i = rank - 1; i >= 0; --i) perm.push_back(i);
  }
  if (static_cast<int>(normalize_axes(perm, rank, node).size()) != rank) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a permutation of ", rank, " axes for ",
         node.label(), " but received ", to_string(Shape(perm)));
  }
  for (int64_t& axis : perm) axis = axis < 0 ? axis + rank : axis;
  return perm;
}

void infer_transpose(InferContext& context) {
  std::optional<Dims> result;
  if (const auto& dims = context.dims(0)) {
    result.emplace();
    for (int64_t axis : permutation(context.node(), rank_of(*dims))) {
      result->push_back((*dims)[static_cast<size_t>(axis)]);
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_transpose(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  const Shape strides = strides_of(x.shape());
  Shape shape;
  View from;
  for (int64_t axis : permutation(context.node(), x.shape().rank())) {
    shape.push_back(x.shape()[static_cast<int>(axis)]);
    from.strides.push_back(strides[static_cast<int>(axis)]);
  }
  Tensor& y = context.output(0, x.dtype(), shape);
  copy_view(y, view_of(shape), x, from, shape);
}

}  // namespace

void register_transpose(OpTable& table) {
  table.add({.name = "Transpose",
             .infer = infer_transpose,
             .evaluate = evaluate_transpose,
             .traits = Trait::moves_data});
}

}  // namespace whittle
