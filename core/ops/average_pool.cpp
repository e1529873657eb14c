#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/average_window.h"
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

// y[b, c, o] = (sum over the taps t inside x of x[b, c, position(o, t)]) / divisor(o), in float;
// the divisor is in average_window.h.
//   x [batch, channels, input pixels]   y [batch, channels, output pixels]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const PoolGeometry geometry = pool_geometry(node, x.shape());
  const AverageWindow window(geometry, node);
  fill_widened(context, 0, context.input(0).dtype(), geometry.output_shape(), [&](Tensor& y) {
    for (int64_t p = 0; p < geometry.batch * geometry.channels; ++p) {
      float* out = y.mutable_data<float>().data() + p * window.out_pixels();
      std::fill_n(out, window.out_pixels(), 0.0f);
      window.add_taps(x.data<float>().data() + p * window.in_pixels(), out);
      for (int64_t o = 0; o < window.out_pixels(); ++o) {
        out[o] /= static_cast<float>(window.divisor(o));
      }
    }
  });
}

}  // namespace

void register_average_pool(OpTable& table) {
  table.add({.domain = "", .name = "AveragePool", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
