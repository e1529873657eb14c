#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 5);
  context.copy_output(0, 0);
  context.copy_output(1, 3);
  context.copy_output(2, 4);
}

/** Mean and variance of each channel of x [batch, channels, pixels]. */
void batch_moments(const Tensor& x, int64_t channels, int64_t pixels, std::vector<float>& means,
                   std::vector<float>& variances) {
  const int64_t batch = x.shape()[0];
  std::vector<float> gathered(static_cast<size_t>(batch * pixels));
  const float* in = x.data<float>().data();
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t b = 0; b < batch; ++b) {
      std::copy_n(in + (b * channels + c) * pixels, pixels, gathered.begin() + b * pixels);
    }
    const Moments m = moments(gathered.data(), batch * pixels);
    means[static_cast<size_t>(c)] = static_cast<float>(m.mean);
    variances[static_cast<size_t>(c)] = static_cast<float>(m.variance);
  }
}

/** Output i: previous * momentum + current * (1 - momentum), the running statistics. */
void store_running(EvalContext& context, size_t i, const std::vector<float>& previous,
                   const std::vector<float>& current) {
  if (!context.wants_output(i)) return;
  const float momentum = context.node().float_attribute("momentum", 0.9f);
  const Tensor& input = context.input(i + 2);
  fill_widened(context, i, input.dtype(), input.shape(), [&](Tensor& running) {
    const auto out = running.mutable_data<float>();
    for (size_t c = 0; c < out.size(); ++c) {
      out[c] = previous[c] * momentum + current[c] * (1.0f - momentum);
    }
  });
}

// y = (x - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + bias[c]; with training_mode the mean
// and variance are those of x over batch and pixels, and the running ones are blended with them.
//   x, y [batch, channels, pixels..]   scale, bias, mean, variance [channels]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  const int64_t channels = shape.rank() > 1 ? shape[1] : 1;
  const int64_t pixels = shape.rank() > 1 ? shape.elements(2, shape.rank()) : 1;
  const float epsilon = node.float_attribute("epsilon", 1e-5f);
  for (size_t i = 1; i <= 4; ++i) {
    require_elements(context, context.input(i), channels, "a parameter");
  }
  const std::vector<float> scale = float_values(context, 1);
  const std::vector<float> bias = float_values(context, 2);
  std::vector<float> means = float_values(context, 3);
  std::vector<float> variances = float_values(context, 4);
  if (node.int_attribute("training_mode", 0) != 0) {
    const std::vector<float> old_means = means;
    const std::vector<float> old_variances = variances;
    batch_moments(x, channels, pixels, means, variances);
    store_running(context, 1, old_means, means);
    store_running(context, 2, old_variances, variances);
  }
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const float* in = x.data<float>().data();
    float* out = y.mutable_data<float>().data();
    const int64_t rows = pixels == 0 ? 0 : x.elements() / pixels;
    for (int64_t row = 0; row < rows; ++row) {
      const auto c = static_cast<size_t>(row % channels);
      const float factor = scale[c] / std::sqrt(variances[c] + epsilon);
      for (int64_t i = row * pixels; i < (row + 1) * pixels; ++i) {
        out[i] = (in[i] - means[c]) * factor + bias[c];
      }
    }
  });
}

}  // namespace

void register_batch_normalization(OpTable& table) {
  table.add({.domain = "", .name = "BatchNormalization", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
