#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// y = (x - mean) / (sqrt(variance) + 1e-9) with the statistics over `axes` (default 0, 2, 3) in
// double.   x, y [..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const std::vector<int64_t> listed = node.ints_attribute("axes", {0, 2, 3});
  const std::vector<int> axes = normalize_axes(listed, x.shape().rank(), node);
  const Reduction reduction(x.shape(), axes);
  const auto count = static_cast<double>(reduction.count());
  const int64_t length = reduction.reduced.back();
  const int64_t step = reduction.reduced_strides.back();
  fill_widened(context, 0, context.input(0).dtype(), x.shape(), [&](Tensor& y) {
    const float* in = x.data<float>().data();
    float* out = y.mutable_data<float>().data();
    reduction.for_each_kept([&](int64_t, int64_t start) {
      double mean = 0;
      double variance = 0;
      reduction.for_each_reduced_row(start, [&](int64_t row) {
        for (int64_t i = 0; i < length; ++i) mean += static_cast<double>(in[row + i * step]);
      });
      mean /= count;
      reduction.for_each_reduced_row(start, [&](int64_t row) {
        for (int64_t i = 0; i < length; ++i) {
          const double centred = in[row + i * step] - mean;
          variance += centred * centred;
        }
      });
      const double deviation = std::sqrt(variance / count) + 1e-9;
      reduction.for_each_reduced_row(start, [&](int64_t row) {
        for (int64_t i = 0; i < length; ++i) {
          out[row + i * step] = static_cast<float>((in[row + i * step] - mean) / deviation);
        }
      });
    });
  });
}

}  // namespace

void register_mean_variance_normalization(OpTable& table) {
  table.add({.domain = "",
             .name = "MeanVarianceNormalization",
             .infer = infer_same,
             .evaluate = evaluate});
}

}  // namespace whittle
