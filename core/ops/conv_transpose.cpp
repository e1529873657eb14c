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
                     conv_transpose_dims(context.node(), context.dims(0), context.dims(1)));
}

// y[b, m, i * stride - pad + t * dilation] = bias[m] + sum over c, i, t of w[c, m, t] * x[b, c, i]
//   x [batch, C * groups, spatial...]   w [C * groups, M, kernel...]   bias [M * groups]
//   y [batch, M * groups, spatial...]
void evaluate(EvalContext& context) {
  const Tensor x = float_input(context, 0);
  const Tensor w = float_input(context, 1);
  const ConvGeometry geometry = conv_transpose_geometry(context.node(), x.shape(), w.shape());
  fill_widened(context, 0, context.input(0).dtype(), geometry.output_shape(), [&](Tensor& y) {
    fill_with_bias(context, 2, y);
    convolve_transposed(geometry, x.data<float>().data(), w.data<float>().data(),
                        y.mutable_data<float>().data());
  });
}

Cost cost(const NodeFacts& facts) {
  return conv_cost_of(facts, 0, 1, true);
}

}  // namespace

void register_conv_transpose(OpTable& table) {
  table.add(
      {.domain = "", .name = "ConvTranspose", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
