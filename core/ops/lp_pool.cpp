#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/pool_geometry.h"
#include "core/ops/support/window_walk.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, context.dtype(0), pool_dims(context.node(), context.dims(0)));
}

// y[b, c, o] = (sum over the taps t inside x of |x[b, c, position(o, t)]|^p)^(1/p)
//   x [batch, channels, input pixels]   y [batch, channels, output pixels]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const PoolGeometry geometry = pool_geometry(node, x.shape());
  const SpatialAxes axes = spatial_axes(geometry.axes, node.label());
  const auto p = static_cast<float>(node.int_attribute("p", 2));
  const int64_t in_pixels = axes[0].input * axes[1].input * axes[2].input;
  const int64_t out_pixels = axes[0].output * axes[1].output * axes[2].output;
  const int64_t step = axes[2].stride;
  fill_widened(context, 0, context.input(0).dtype(), geometry.output_shape(), [&](Tensor& y) {
    for (int64_t plane = 0; plane < geometry.batch * geometry.channels; ++plane) {
      const float* in = x.data<float>().data() + plane * in_pixels;
      float* out = y.mutable_data<float>().data() + plane * out_pixels;
      std::fill_n(out, out_pixels, 0.0f);
      for (int64_t tap = 0; tap < axes[0].kernel * axes[1].kernel * axes[2].kernel; ++tap) {
        for_each_tap_row(axes, tap, [&](int64_t from, int64_t to, int64_t count) {
          for (int64_t i = 0; i < count; ++i) {
            out[to + i] += std::pow(std::fabs(in[from + i * step]), p);
          }
        });
      }
      for (int64_t o = 0; o < out_pixels; ++o) out[o] = std::pow(out[o], 1.0f / p);
    }
  });
}

}  // namespace

void register_lp_pool(OpTable& table) {
  table.add({.domain = "", .name = "LpPool", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
