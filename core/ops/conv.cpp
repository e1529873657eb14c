#include "core/ops/op.h"
#include "core/ops/support/conv_cost.h"
#include "core/ops/support/conv_loops.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, context.dtype(0),
                     conv_dims(context.node(), context.dims(0), context.dims(1)));
}

// y[b, m, o] = bias[m] + sum over c, t of w[m, c, t] * x[b, group(m) * C + c, o * stride - pad +
//              t * dilation], in float; what lies outside x counts as 0.
//   x [batch, C * groups, spatial...]   w [M, C, kernel...]   bias [M]   y [batch, M, spatial...]
void evaluate(EvalContext& context) {
  const Tensor x = float_input(context, 0);
  const Tensor w = float_input(context, 1);
  const ConvGeometry geometry = conv_geometry(context.node(), x.shape(), w.shape());
  fill_widened(context, 0, context.input(0).dtype(), geometry.output_shape(), [&](Tensor& y) {
    fill_with_bias(context, 2, y);
    convolve(geometry, x.data<float>().data(), w.data<float>().data(),
             y.mutable_data<float>().data());
  });
}

}  // namespace

void register_conv(OpTable& table) {
  table.add(
      {.domain = "", .name = "Conv", .infer = infer, .evaluate = evaluate, .cost = conv_cost});
}

}  // namespace whittle
