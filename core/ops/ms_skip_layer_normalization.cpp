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
  require_inputs(context.node(), 3);
  context.copy_output(0, 0);
  std::optional<Dims> rows = context.dims(0);
  if (rows && !rows->empty()) rows = statistics_dims(*rows, rank_of(*rows) - 1);
  context.set_output(1, DType::f32, rows);
  context.set_output(2, DType::f32, rows);
  context.copy_output(3, 0);
}

void store(EvalContext& context, size_t i, const Shape& shape, const std::vector<float>& values) {
  if (!context.wants_output(i)) return;
  const DType type = i == 3 ? context.input(0).dtype() : DType::f32;
  fill_widened(context, i, type, shape, [&](Tensor& y) {
    std::copy(values.begin(), values.end(), y.mutable_data<float>().begin());
  });
}

// s = x + skip + bias; y = (s - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis,
// or, without the mean (`centres` false), s / sqrt(mean(s^2) + epsilon) * gamma; statistics in
// double.
//   x, s, y [rows.., columns]   skip broadcast to x   gamma, beta, bias [columns]
//   outputs: y, mean, inv_std [rows.., 1] f32, s
void evaluate_as(EvalContext& context, bool centres) {
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  require_rank(context.node(), shape, 1);
  const double epsilon = context.node().float_attribute("epsilon", 1e-5f);
  const size_t bias_input = centres ? 4 : 3;
  const std::vector<float> skip = repeating_values(context, 1, shape, 0.0f);
  const std::vector<float> gamma = repeating_values(context, 2, shape, 1.0f);
  const std::vector<float> beta =
      centres ? repeating_values(context, 3, shape, 0.0f) : std::vector<float>{0.0f};
  const std::vector<float> bias = repeating_values(context, bias_input, shape, 0.0f);
  std::vector<float> sums(static_cast<size_t>(x.elements()));
  for (size_t i = 0; i < sums.size(); ++i) {
    sums[i] = x.data<float>()[i] + skip[i % skip.size()] + bias[i % bias.size()];
  }
  const int64_t columns = shape.back();
  const int64_t rows = shape.elements(0, shape.rank() - 1);
  std::vector<float> means;
  std::vector<float> deviations;
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    for (int64_t r = 0; r < rows; ++r) {
      const Moments m = moments(sums.data() + r * columns, columns);
      const double mean = centres ? m.mean : 0.0;
      const double spread = centres ? m.variance : m.variance + m.mean * m.mean;
      const double inverse = 1.0 / std::sqrt(spread + epsilon);
      means.push_back(static_cast<float>(mean));
      deviations.push_back(static_cast<float>(inverse));
      for (int64_t c = 0; c < columns; ++c) {
        const auto at = static_cast<size_t>(r * columns + c);
        out[at] = static_cast<float>((sums[at] - mean) * inverse) * gamma[at % gamma.size()] +
                  beta[at % beta.size()];
      }
    }
  });
  const Shape statistics = statistics_shape(shape, shape.rank() - 1);
  store(context, 1, statistics, means);
  store(context, 2, statistics, deviations);
  store(context, 3, shape, sums);
}

void evaluate(EvalContext& context) {
  evaluate_as(context, true);
}
void evaluate_simplified(EvalContext& context) {
  evaluate_as(context, false);
}

}  // namespace

void register_ms_skip_layer_normalization(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "SkipLayerNormalization",
             .infer = infer,
             .evaluate = evaluate});
  table.add({.domain = "com.microsoft",
             .name = "SkipSimplifiedLayerNormalization",
             .infer = infer,
             .evaluate = evaluate_simplified});
}

}  // namespace whittle
