#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dynamic_range.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/matmul_integer.h"
#include "core/ops/support/normalize.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

void infer_as(InferContext& context, DType dtype) {
  const Node& node = context.node();
  require_inputs(node, 3);
  context.set_output(0, dtype, matmul_dims(node, context.dims(0), context.dims(1)));
}

void infer_integer(InferContext& context) {
  infer_as(context, context.dtype(2));
}
void infer_dynamic(InferContext& context) {
  infer_as(context, context.dtype(0));
}

/** y[i] = sums[i] * scales[column] + bias[column], the scales one or one for each column. */
void store_product(EvalContext& context, DType dtype, const IntegerProduct& product,
                   const std::vector<float>& scales, size_t bias_input) {
  const Shape& shape = product.geometry.output;
  const std::vector<float> bias = repeating_values(context, bias_input, shape, 0.0f);
  fill_widened(context, 0, dtype, shape, [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    for (size_t i = 0; i < out.size(); ++i) {
      const float sum = static_cast<float>(static_cast<int32_t>(product.sums[i]));
      out[i] = sum * scales[i % scales.size()] + bias[i % bias.size()];
    }
  });
}

// y = (product of (a - a_zero_point) and (b - b_zero_point)) * (a_scale * b_scale[j]) + bias[j]
//   inputs: a, b 8-bit; a_scale [], b_scale [] or [n], a_zero_point, b_zero_point, bias [n]
void evaluate_integer(EvalContext& context) {
  const IntegerProduct product = multiply_integers(context, {0, 4}, {1, 5});
  const int64_t columns = context.input(3).elements() == 1 ? 1 : product.geometry.n;
  std::vector<float> scales = channel_scales(context, 3, columns);
  for (float& scale : scales) scale *= scalar_scale(context, 2);
  store_product(context, context.input(2).dtype(), product, scales, 6);
}

// The same with a quantized here, to u8 over the range of all of it (dynamic_range.h).
//   inputs: a f32, b 8-bit, b_scale [] or [n], b_zero_point, bias [n]
void evaluate_dynamic(EvalContext& context) {
  const Tensor a = float_input(context, 0);
  const DynamicRange range = dynamic_range(a.data<float>());
  Tensor q = Tensor::allocate(DType::i32, a.shape());
  for (int64_t i = 0; i < q.elements(); ++i) {
    const float value = a.data<float>()[static_cast<size_t>(i)];
    q.mutable_data<int32_t>()[static_cast<size_t>(i)] =
        saturate(value / range.scale, range.zero_point, {0, 255}) - range.zero_point;
  }
  const IntegerProduct product = multiply_integers(context, q, {1, 3});
  const int64_t columns = context.input(2).elements() == 1 ? 1 : product.geometry.n;
  std::vector<float> scales = channel_scales(context, 2, columns);
  for (float& scale : scales) scale *= range.scale;
  store_product(context, context.input(0).dtype(), product, scales, 4);
}

Cost cost(const NodeFacts& facts) {
  return matmul_cost_of(facts, 0, 1);
}

}  // namespace

void register_ms_matmul_integer_to_float(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "MatMulIntegerToFloat",
             .infer = infer_integer,
             .evaluate = evaluate_integer,
             .cost = cost});
  table.add({.domain = "com.microsoft",
             .name = "DynamicQuantizeMatMul",
             .infer = infer_dynamic,
             .evaluate = evaluate_dynamic,
             .cost = cost});
}

}  // namespace whittle
