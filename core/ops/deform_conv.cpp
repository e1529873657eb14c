// DeformConv: a convolution whose taps are moved by offsets and weighted by a mask (Dai and others,
// "Deformable convolutional networks", 2017; Zhu and others for the mask, 2018).
#include <cmath>

#include "core/ops/support/conv_cost.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/matmul_geometry.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 3);
  context.set_output(0, context.dtype(0),
                     conv_dims(context.node(), context.dims(0), context.dims(1)));
}

/** Bilinear sample of plane [height, width]; 0 outside. */
float sample(const float* plane, int64_t height, int64_t width, float y, float x) {
  if (!(y > -1 && y < static_cast<float>(height) && x > -1 && x < static_cast<float>(width))) {
    return 0;
  }
  const float top = std::floor(y);
  const float left = std::floor(x);
  const auto at = [&](int64_t row, int64_t column) {
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? plane[row * width + column] : 0.0f;
  };
  const auto row = static_cast<int64_t>(top);
  const auto column = static_cast<int64_t>(left);
  const float fy = y - top;
  const float fx = x - left;
  return (1 - fy) * ((1 - fx) * at(row, column) + fx * at(row, column + 1)) +
         fy * ((1 - fx) * at(row + 1, column) + fx * at(row + 1, column + 1));
}

// y[b, m, o] = bias[m] + sum over c, t of w[m, c, t] mask[b, g, t, o] x[b, c] sampled at
// position(o, t) + offset[b, g, t, :, o], g the offset group of channel c.
//   x [batch, channels, h, w]   w [out channels, channels / groups, kh, kw]
//   offset [batch, offset groups * taps * 2, oh, ow]   mask [batch, offset groups * taps, oh, ow]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor x = float_input(context, 0);
  const Tensor w = float_input(context, 1);
  const Tensor offset = float_input(context, 2);
  if (x.shape().rank() != 4) {
    fail(Code::UNSUPPORTED, node.label(), "Expected images of two axes for ", node.label(),
         " but received ", to_string(x.shape()));
  }
  const ConvGeometry g = conv_geometry(node, x.shape(), w.shape());
  const int64_t taps = g.taps();
  const int64_t pixels = g.output_pixels();
  const int64_t offset_groups = node.int_attribute("offset_group", 1);
  if (offset_groups < 1 || g.in_channels % offset_groups != 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected offset groups that divide ", g.in_channels,
         " channels for ", node.label(), " but received ", offset_groups);
  }
  const int64_t fields = g.batch * offset_groups * taps * pixels;
  require_elements(context, offset, 2 * fields, "offsets");
  std::vector<float> mask(static_cast<size_t>(fields), 1.0f);
  if (context.has_input(4)) {
    require_elements(context, context.input(4), fields, "a mask");
    mask = float_values(context, 4);
  }
  const WindowAxis& rows = g.axes[0];
  const WindowAxis& columns = g.axes[1];
  const int64_t channels = g.in_channels / g.groups;
  const int64_t outputs = g.out_channels / g.groups;
  std::vector<float> taken(static_cast<size_t>(channels * taps * pixels));
  fill_widened(context, 0, context.input(0).dtype(), g.output_shape(), [&](Tensor& y) {
    fill_with_bias(context, 3, y);
    for (int64_t block = 0; block < g.batch * g.groups; ++block) {
      const int64_t b = block / g.groups;
      const int64_t group = block % g.groups;
      for (int64_t i = 0; i < channels * taps * pixels; ++i) {
        const int64_t o = i % pixels;
        const int64_t t = i / pixels % taps;
        const int64_t c = group * channels + i / pixels / taps;
        const int64_t field = (b * offset_groups + c / (g.in_channels / offset_groups)) * taps + t;
        const float* moved = offset.data<float>().data() + 2 * field * pixels + o;
        const auto at_y =
            static_cast<float>(rows.position(o / columns.output, t / columns.kernel)) + moved[0];
        const auto at_x =
            static_cast<float>(columns.position(o % columns.output, t % columns.kernel)) +
            moved[pixels];
        taken[static_cast<size_t>(i)] =
            mask[static_cast<size_t>(field * pixels + o)] *
            sample(x.data<float>().data() + (b * g.in_channels + c) * g.input_pixels(), rows.input,
                   columns.input, at_y, at_x);
      }
      multiply<float>(
          outputs, channels * taps, pixels,
          {w.data<float>().data() + group * outputs * channels * taps, channels * taps, 1},
          {taken.data(), pixels, 1}, y.mutable_data<float>().data() + block * outputs * pixels);
    }
  });
}

}  // namespace

void register_deform_conv(OpTable& table) {
  table.add({.name = "DeformConv", .infer = infer, .evaluate = evaluate, .cost = conv_cost});
}

}  // namespace whittle
