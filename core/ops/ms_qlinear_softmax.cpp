#include <algorithm>
#include <cmath>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

// y = saturate(round_half_even(softmax(x_scale * x) / y_scale) + y_zero_point) over the axis; over
// it and all behind it where attribute opset is below 13.
//   inputs: x, x_scale, x_zero_point, y_scale, y_zero_point   x, y [outer, axis, inner] 8-bit
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 4);
  const Tensor& x = context.input(0);
  AxisSplit split = split_at(x.shape(), node.int_attribute("axis", -1), node);
  if (node.int_attribute("opset", 13) < 13) {
    split.axis *= split.inner;
    split.inner = 1;
  }
  const float x_scale = scalar_scale(context, 1);
  const float y_scale = scalar_scale(context, 3);
  const int32_t zero_point = scalar_zero_point(context, 4);
  const std::vector<int32_t> values = load_quantized(x, node);
  const QRange range = quantized_range(x.dtype(), node);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  std::vector<float> weights(static_cast<size_t>(split.axis));
  for (int64_t line = 0; line < split.outer * split.inner && split.axis > 0; ++line) {
    const int64_t first = line / split.inner * split.axis * split.inner + line % split.inner;
    int32_t greatest = values[static_cast<size_t>(first)];
    for (int64_t a = 0; a < split.axis; ++a) {
      greatest = std::max(greatest, values[static_cast<size_t>(first + a * split.inner)]);
    }
    float sum = 0;
    for (int64_t a = 0; a < split.axis; ++a) {
      const int32_t below = values[static_cast<size_t>(first + a * split.inner)] - greatest;
      float& weight = weights[static_cast<size_t>(a)];
      sum += weight = std::exp(x_scale * static_cast<float>(below));
    }
    for (int64_t a = 0; a < split.axis; ++a) {
      const float share = weights[static_cast<size_t>(a)] / sum;
      store_quantized(y, first + a * split.inner, saturate(share / y_scale, zero_point, range));
    }
  }
}

}  // namespace

void register_ms_qlinear_softmax(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "QLinearSoftmax",
             .infer = infer_same,
             .evaluate = evaluate});
}

}  // namespace whittle
