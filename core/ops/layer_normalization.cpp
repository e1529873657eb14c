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
  require_inputs(context.node(), 1);
  context.copy_output(0, 0);
  std::optional<Dims> statistics = context.dims(0);
  if (statistics) {
    const int first = normalize_axis(context.node().int_attribute("axis", -1), rank_of(*statistics),
                                     context.node().label());
    statistics = statistics_dims(std::move(*statistics), first);
  }
  context.set_output(1, DType::f32, statistics);
  context.set_output(2, DType::f32, statistics);
}

// Over the axes [axis, rank) of each row: y = (x - mean) * inv_std * scale + bias with inv_std =
// 1 / sqrt(variance + epsilon), the variance that of the population; statistics in double.
//   x, y [rows.., columns..]   scale, bias broadcast to x   mean, inv_std [rows.., 1..] f32
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  const int first = normalize_axis(node.int_attribute("axis", -1), shape.rank(), node.label());
  const double epsilon = node.float_attribute("epsilon", 1e-5f);
  const int64_t rows = shape.elements(0, first);
  const int64_t columns = shape.elements(first, shape.rank());
  const std::vector<float> scale = repeating_values(context, 1, shape, 1.0f);
  const std::vector<float> bias = repeating_values(context, 2, shape, 0.0f);
  std::vector<float> means(static_cast<size_t>(rows));
  std::vector<float> deviations(static_cast<size_t>(rows));
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const float* in = x.data<float>().data();
    float* out = y.mutable_data<float>().data();
    size_t at = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const Moments m = moments(in + r * columns, columns);
      const double inverse = 1.0 / std::sqrt(m.variance + epsilon);
      means[static_cast<size_t>(r)] = static_cast<float>(m.mean);
      deviations[static_cast<size_t>(r)] = static_cast<float>(inverse);
      for (int64_t c = 0; c < columns; ++c, ++at) {
        const auto centred = static_cast<float>((in[at] - m.mean) * inverse);
        out[at] = centred * scale[at % scale.size()] + bias[at % bias.size()];
      }
    }
  });
  const Shape statistics = statistics_shape(shape, first);
  for (size_t i = 1; i <= 2; ++i) {
    if (!context.wants_output(i)) continue;
    const std::vector<float>& values = i == 1 ? means : deviations;
    const auto out = context.output(i, DType::f32, statistics).mutable_data<float>();
    std::copy(values.begin(), values.end(), out.begin());
  }
}

}  // namespace

void register_layer_normalization(OpTable& table) {
  table.add({.domain = "", .name = "LayerNormalization", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
