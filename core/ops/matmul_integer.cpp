#include "core/ops/support/matmul_integer.h"

#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, DType::i32, matmul_dims(context.node(), context.dims(0), context.dims(1)));
}

// y[.., i, j] = sum over p of (a[.., i, p] - a_zero_point[i]) * (b[.., p, j] - b_zero_point[j]),
// exact modulo 2^32.   a, b u8 or i8; zero points [] or one for each row of a, column of b; y i32
void evaluate(EvalContext& context) {
  const IntegerProduct product = multiply_integers(context, {0, 2}, {1, 3});
  Tensor& y = context.output(0, DType::i32, product.geometry.output);
  std::transform(product.sums.begin(), product.sums.end(), y.mutable_data<int32_t>().begin(),
                 [](uint32_t sum) { return static_cast<int32_t>(sum); });
}

}  // namespace

void register_matmul_integer(OpTable& table) {
  table.add({.domain = "",
             .name = "MatMulInteger",
             .infer = infer,
             .evaluate = evaluate,
             .cost = matmul_cost});
}

}  // namespace whittle
