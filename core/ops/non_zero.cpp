// NonZero: where the elements that are not 0 are. The number of them depends on the data.
#include <vector>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer_non_zero(InferContext& context) {
  Dims dims = unknown_dims(2);
  if (context.dims(0)) dims[0] = rank_of(*context.dims(0));
  context.set_output(0, DType::i64, std::move(dims));
}

// Column j holds the coordinates of the j-th element that is not 0, in row-major order.
void evaluate_non_zero(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  const Tensor flags = convert(x, DType::boolean);
  std::vector<int64_t> found;
  for (int64_t i = 0; i < flags.elements(); ++i) {
    if (flags.raw()[i] != std::byte{0}) found.push_back(i);
  }
  const Shape& shape = x.shape();
  const auto count = static_cast<int64_t>(found.size());
  Tensor& y = context.output(0, DType::i64, {shape.rank(), count});
  const Shape strides = strides_of(shape);
  auto out = y.mutable_data<int64_t>().begin();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    for (int64_t i : found) *out++ = i / strides[axis] % shape[axis];
  }
}

}  // namespace

void register_non_zero(OpTable& table) {
  table.add({.name = "NonZero", .infer = infer_non_zero, .evaluate = evaluate_non_zero});
}

}  // namespace whittle
