// EyeLike: ones on a diagonal.
#include <algorithm>
#include <cstring>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

DType eye_type(const Node& node, DType input) {
  return dtype_attribute(node, "dtype", input);
}

void infer_eye_like(InferContext& context) {
  const DType input = context.dtype(0);
  const DType dtype = input == DType::undefined && !context.node().has("dtype")
                          ? DType::undefined
                          : eye_type(context.node(), input);
  context.set_output(0, dtype, context.dims(0));
}

// y[i, j] = 1 where j = i + k, else 0
void evaluate_eye_like(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Shape shape = context.input(0).shape();
  require_rank(node, shape, 2);
  const int64_t k = std::clamp(node.int_attribute("k", 0), -shape[0], shape[1]);
  const DType dtype = eye_type(node, context.input(0).dtype());
  const Tensor one = convert(Tensor::scalar<float>(1), dtype);
  Tensor& y = context.output(0, dtype, shape);
  std::memset(y.mutable_raw(), 0, static_cast<size_t>(y.bytes()));
  for (int64_t i = 0; i < shape[0]; ++i) {
    const int64_t j = i + k;
    if (j >= 0 && j < shape[1]) copy_elements(y, i * shape[1] + j, one, 0, 1);
  }
}

}  // namespace

void register_eye_like(OpTable& table) {
  table.add({.name = "EyeLike", .infer = infer_eye_like, .evaluate = evaluate_eye_like});
}

}  // namespace whittle
