#include "core/ops/op.h"
#include "core/ops/support/conv_cost.h"
#include "core/ops/support/conv_loops.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 8);
  context.set_output(0, context.dtype(7),
                     conv_dims(context.node(), context.dims(0), context.dims(3)));
}

// y = saturate(round_half_even(sum * (x_scale * w_scale[m] / y_scale)) + y_zero_point), where sum =
// bias[m] + convolution of (x - x_zero_point) with (w - w_zero_point[m]) in int32.
//   inputs: x, x_scale, x_zero_point, w, w_scale [] or [M], w_zero_point, y_scale, y_zero_point,
//           bias [M] i32 at scale x_scale * w_scale[m]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(3);
  const ConvGeometry geometry = conv_geometry(node, x.shape(), w.shape());
  const int64_t channels = geometry.out_channels;
  const auto x_values = centred(x, channel_zero_points(context, 2, 1), 1, x.elements(), node);
  const auto w_values = centred(w, channel_zero_points(context, 5, channels), 1,
                                w.shape().elements(1, w.shape().rank()), node);
  const std::vector<float> w_scales = channel_scales(context, 4, channels);
  const float x_scale = scalar_scale(context, 1);
  const float y_scale = scalar_scale(context, 6);
  const int32_t y_zero_point = scalar_zero_point(context, 7);
  const DType y_type = context.input(7).dtype();
  const QRange range = quantized_range(y_type, node);
  Tensor& y = context.output(0, y_type, geometry.output_shape());

  std::vector<uint32_t> sums(static_cast<size_t>(y.elements()));
  const int64_t pixels = geometry.output_pixels();
  const auto channel_of = [&](int64_t i) { return static_cast<size_t>(i / pixels % channels); };
  if (context.has_input(8)) {
    const std::vector<int32_t> bias = load_quantized(context.input(8), node);
    require_elements(context, context.input(8), channels, "a bias");
    for (int64_t i = 0; i < y.elements(); ++i) {
      sums[static_cast<size_t>(i)] = static_cast<uint32_t>(bias[channel_of(i)]);
    }
  }
  convolve(geometry, x_values.data(), w_values.data(), sums.data());
  for (int64_t i = 0; i < y.elements(); ++i) {
    const float sum = static_cast<float>(static_cast<int32_t>(sums[static_cast<size_t>(i)]));
    const float scale = x_scale * w_scales[channel_of(i)] / y_scale;
    store_quantized(y, i, saturate(sum * scale, y_zero_point, range));
  }
}

Cost cost(const NodeFacts& facts) {
  return conv_cost_of(facts, 0, 3, false);
}

}  // namespace

void register_qlinear_conv(OpTable& table) {
  table.add(
      {.domain = "", .name = "QLinearConv", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
