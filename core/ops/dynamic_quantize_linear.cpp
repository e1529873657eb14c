#include "core/ops/op.h"
#include "core/ops/support/dynamic_range.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, DType::u8, context.dims(0));
  context.set_output(1, DType::f32, Dims{});
  context.set_output(2, DType::u8, Dims{});
}

// y = saturate(round_half_even(x / scale) + zero_point), scale and zero_point from the range of x
// (dynamic_range.h).   x [..] f32   y [..] u8   y_scale [] f32   y_zero_point [] u8
void evaluate(EvalContext& context) {
  const Tensor x = float_input(context, 0);
  const DynamicRange range = dynamic_range(x.data<float>());
  Tensor& y = context.output(0, DType::u8, x.shape());
  const auto out = y.mutable_data<uint8_t>();
  const auto in = x.data<float>();
  for (size_t i = 0; i < in.size(); ++i) {
    out[i] = static_cast<uint8_t>(saturate(in[i] / range.scale, range.zero_point, {0, 255}));
  }
  if (context.wants_output(1)) {
    context.output(1, DType::f32, Shape{}).mutable_data<float>()[0] = range.scale;
  }
  if (context.wants_output(2)) {
    context.output(2, DType::u8, Shape{}).mutable_data<uint8_t>()[0] =
        static_cast<uint8_t>(range.zero_point);
  }
}

}  // namespace

void register_dynamic_quantize_linear(OpTable& table) {
  table.add({.domain = "", .name = "DynamicQuantizeLinear", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
