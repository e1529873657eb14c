#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/conv_cost.h"
#include "core/ops/support/conv_loops.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, DType::i32, conv_dims(context.node(), context.dims(0), context.dims(1)));
}

// y = convolution of (x - x_zero_point) with (w - w_zero_point[m]), exact modulo 2^32; padding
// counts as x_zero_point.
//   x [batch, C * groups, spatial...] u8 or i8   w [M, C, kernel...] u8 or i8
//   x_zero_point []   w_zero_point [] or [M]   y [batch, M, spatial...] i32
void evaluate(EvalContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  const ConvGeometry geometry = conv_geometry(context.node(), x.shape(), w.shape());
  const auto x_values =
      centred(x, channel_zero_points(context, 2, 1), 1, x.elements(), context.node());
  const auto w_values = centred(w, channel_zero_points(context, 3, geometry.out_channels), 1,
                                w.shape().elements(1, w.shape().rank()), context.node());
  Tensor& y = context.output(0, DType::i32, geometry.output_shape());
  std::vector<uint32_t> sums(static_cast<size_t>(y.elements()));
  convolve(geometry, x_values.data(), w_values.data(), sums.data());
  const auto out = y.mutable_data<int32_t>();
  std::transform(sums.begin(), sums.end(), out.begin(),
                 [](uint32_t sum) { return static_cast<int32_t>(sum); });
}

}  // namespace

void register_conv_integer(OpTable& table) {
  table.add({.domain = "",
             .name = "ConvInteger",
             .infer = infer,
             .evaluate = evaluate,
             .cost = conv_cost});
}

}  // namespace whittle
