#include "core/ops/op.h"
#include "core/ops/support/dynamic_range.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/lstm.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

/** (q - zero_point) * scale of weights [directions, in, out], turned to [directions, out, in]; the
 * scale and zero point are [directions] or [directions, out]. */
Tensor dequantize_turned(const EvalContext& context, size_t weights, size_t scale,
                         size_t zero_point) {
  const Node& node = context.node();
  const Tensor& q = context.input(weights);
  if (q.shape().rank() != 3) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected weights of rank 3 for ", node.label(),
         " but received ", to_string(q.shape()));
  }
  const int64_t directions = q.shape()[0];
  const int64_t in = q.shape()[1];
  const int64_t out = q.shape()[2];
  const int64_t count =
      context.input(scale).elements() == directions * out ? directions * out : directions;
  const std::vector<float> scales = channel_scales(context, scale, count);
  const std::vector<int32_t> zero_points = channel_zero_points(context, zero_point, count);
  const std::vector<int32_t> values = load_quantized(q, node);
  Tensor turned = Tensor::allocate(DType::f32, Shape{directions, out, in});
  const auto to = turned.mutable_data<float>();
  for (int64_t d = 0; d < directions; ++d) {
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t o = 0; o < out; ++o) {
        const auto at = static_cast<size_t>(count == directions ? d : d * out + o);
        const int32_t value = values[static_cast<size_t>((d * in + i) * out + o)] - zero_points[at];
        to[static_cast<size_t>((d * out + o) * in + i)] = static_cast<float>(value) * scales[at];
      }
    }
  }
  return turned;
}

/** Each value as its u8 code stands for it. */
void round_through_u8(std::span<float> values) {
  const DynamicRange range = dynamic_range(values);
  for (float& value : values) {
    const int32_t q = saturate(value / range.scale, range.zero_point, {0, 255});
    value = static_cast<float>(q - range.zero_point) * range.scale;
  }
}

// An LSTM (lstm.h) whose matrix products take u8 activations and 8-bit weights: all of x shares one
// range, and each hidden state has one of its own.
//   x [steps, batch, input]   w [directions, input, 4 * hidden]   r [directions, hidden, 4 *
//   hidden] inputs 3 to 7 as LSTM; w_scale, w_zero_point, r_scale, r_zero_point [directions(, 4 *
//   hidden)]
void evaluate(EvalContext& context) {
  const Tensor w = dequantize_turned(context, 1, 8, 9);
  const Tensor r = dequantize_turned(context, 2, 10, 11);
  Tensor x = float_input(context, 0).clone();
  round_through_u8(x.mutable_data<float>());
  evaluate_lstm(context, x, w, r, [](std::vector<float>& hidden) { round_through_u8(hidden); });
}

void infer(InferContext& context) {
  require_inputs(context.node(), 3);
  infer_recurrence(context);
}

}  // namespace

void register_ms_dynamic_quantize_lstm(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "DynamicQuantizeLSTM",
             .infer = infer,
             .evaluate = evaluate,
             .cost = recurrence_cost});
}

}  // namespace whittle
