#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** Scale and zero point of one tensor. */
struct Quant {
  float scale = 1.0f;
  int32_t zero_point = 0;
  float value(int32_t q) const { return static_cast<float>(q - zero_point) * scale; }
};

Quant quant_at(const EvalContext& context, size_t scale) {
  return {scalar_scale(context, scale), scalar_zero_point(context, scale + 1)};
}

void infer_binary(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 7);
  std::optional<Dims> dims;
  if (context.dims(0) && context.dims(3)) {
    dims = broadcast_dims(*context.dims(0), *context.dims(3), node.label());
  }
  context.set_output(0, context.dtype(0), dims);
}

// c = saturate(round_half_even(f(a_value, b_value) / c_scale) + c_zero_point), with x_value = (x -
// x_zero_point) * x_scale in f32; a and b broadcast.
//   inputs: a, a_scale, a_zero_point, b, b_scale, b_zero_point, c_scale, c_zero_point
void evaluate_binary(EvalContext& context, float (*f)(float a, float b)) {
  const Node& node = context.node();
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(3);
  const Quant a_quant = quant_at(context, 1);
  const Quant b_quant = quant_at(context, 4);
  const Quant c_quant = quant_at(context, 6);
  const std::vector<int32_t> a_values = load_quantized(a, node);
  const std::vector<int32_t> b_values = load_quantized(b, node);
  const QRange range = quantized_range(a.dtype(), node);
  const Shape shape = broadcast(a.shape(), b.shape(), node.label());
  Tensor& c = context.output(0, a.dtype(), shape);
  Shape walked = shape;
  Shape strides[2] = {broadcast_strides(a.shape(), shape), broadcast_strides(b.shape(), shape)};
  collapse_axes(walked, strides);
  int64_t at = 0;
  for_each_row(walked, strides, [&](const int64_t* offsets) {
    for (int64_t i = 0; i < walked.back(); ++i) {
      const auto a_at = static_cast<size_t>(offsets[0] + i * strides[0].back());
      const auto b_at = static_cast<size_t>(offsets[1] + i * strides[1].back());
      const float value = f(a_quant.value(a_values[a_at]), b_quant.value(b_values[b_at]));
      store_quantized(c, at++, saturate(value / c_quant.scale, c_quant.zero_point, range));
    }
  });
}

void evaluate_add(EvalContext& context) {
  evaluate_binary(context, [](float a, float b) { return a + b; });
}

void evaluate_mul(EvalContext& context) {
  evaluate_binary(context, [](float a, float b) { return a * b; });
}

// y = saturate(round_half_even(f(x_value) / y_scale) + y_zero_point)
//   inputs: x, x_scale, x_zero_point, y_scale, y_zero_point
void evaluate_unary(EvalContext& context, FunctionRef<float(float)> f) {
  const Node& node = context.node();
  const Tensor& x = context.input(0);
  const Quant x_quant = quant_at(context, 1);
  const Quant y_quant = quant_at(context, 3);
  const std::vector<int32_t> values = load_quantized(x, node);
  const QRange range = quantized_range(x.dtype(), node);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  for (int64_t i = 0; i < y.elements(); ++i) {
    const float value = f(x_quant.value(values[static_cast<size_t>(i)]));
    store_quantized(y, i, saturate(value / y_quant.scale, y_quant.zero_point, range));
  }
}

void evaluate_sigmoid(EvalContext& context) {
  evaluate_unary(context, [](float x) { return 1.0f / (1.0f + std::exp(-x)); });
}

void evaluate_leaky_relu(EvalContext& context) {
  const float alpha = context.node().float_attribute("alpha", 0.01f);
  evaluate_unary(context, [alpha](float x) { return x < 0.0f ? alpha * x : x; });
}

}  // namespace

void register_ms_qlinear_elementwise(OpTable& table) {
  const auto add = [&](std::string_view name, void (*infer)(InferContext&),
                       void (*evaluate)(EvalContext&)) {
    table.add({.domain = "com.microsoft",
               .name = name,
               .infer = infer,
               .evaluate = evaluate,
               .traits = Trait::elementwise});
  };
  add("QLinearAdd", infer_binary, evaluate_add);
  add("QLinearMul", infer_binary, evaluate_mul);
  add("QLinearSigmoid", infer_same, evaluate_sigmoid);
  add("QLinearLeakyRelu", infer_same, evaluate_leaky_relu);
}

}  // namespace whittle
