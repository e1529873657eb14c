#include <cmath>
#include <limits>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"
#include "core/ops/support/pool_geometry.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, context.dtype(0), global_pool_dims(context.node(), context.dims(0)));
}

/** y[b, c] = reduce(the pixels of x[b, c]).   x [batch, channels, pixels..]   y [batch,
 * channels, 1..] */
void pool_planes(EvalContext& context, FunctionRef<float(std::span<const float>)> reduce) {
  const Tensor x = float_input(context, 0);
  require_rank(context.node(), x.shape(), 3);
  const auto pixels = static_cast<size_t>(x.shape().elements(2, x.shape().rank()));
  fill_widened(context, 0, context.input(0).dtype(), statistics_shape(x.shape(), 2),
               [&](Tensor& y) {
                 const auto out = y.mutable_data<float>();
                 for (size_t i = 0; i < out.size(); ++i) {
                   out[i] = reduce(x.data<float>().subspan(i * pixels, pixels));
                 }
               });
}

// the mean, summed in double
void evaluate_average(EvalContext& context) {
  pool_planes(context, [](std::span<const float> plane) {
    double sum = 0;
    for (float value : plane) sum += static_cast<double>(value);
    return static_cast<float>(sum / static_cast<double>(plane.size()));
  });
}

// the greatest; a NaN counts as the greatest
void evaluate_max(EvalContext& context) {
  pool_planes(context, [](std::span<const float> plane) {
    float best = -std::numeric_limits<float>::infinity();
    for (float value : plane) {
      if (value > best || value != value) best = value;
    }
    return best;
  });
}

// (sum of |x|^p)^(1/p), in double
void evaluate_lp(EvalContext& context) {
  const auto p = static_cast<double>(context.node().int_attribute("p", 2));
  pool_planes(context, [p](std::span<const float> plane) {
    double sum = 0;
    for (float value : plane) sum += std::pow(std::fabs(static_cast<double>(value)), p);
    return static_cast<float>(std::pow(sum, 1.0 / p));
  });
}

}  // namespace

void register_global_pool(OpTable& table) {
  table.add(
      {.domain = "", .name = "GlobalAveragePool", .infer = infer, .evaluate = evaluate_average});
  table.add({.domain = "",
             .name = "GlobalMaxPool",
             .infer = infer,
             .evaluate = evaluate_max,
             .traits = Trait::moves_data});
  table.add({.domain = "", .name = "GlobalLpPool", .infer = infer, .evaluate = evaluate_lp});
}

}  // namespace whittle
