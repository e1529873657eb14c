#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"

namespace whittle {
namespace {

// Over the axes [axis, rank) of each row: y = x / sqrt(mean(x^2) + epsilon) * scale, the mean in
// double.   x, y [rows.., columns..]   scale broadcast to x
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  const int first = normalize_axis(node.int_attribute("axis", -1), shape.rank(), node.label());
  const double epsilon = node.float_attribute("epsilon", 1e-5f);
  const int64_t rows = shape.elements(0, first);
  const int64_t columns = shape.elements(first, shape.rank());
  const std::vector<float> scale = repeating_values(context, 1, shape, 1.0f);
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const float* in = x.data<float>().data();
    float* out = y.mutable_data<float>().data();
    for (int64_t r = 0; r < rows; ++r) {
      double squares = 0;
      for (int64_t c = 0; c < columns; ++c) {
        const double value = in[r * columns + c];
        squares += value * value;
      }
      const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(columns) + epsilon);
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t at = r * columns + c;
        out[at] =
            static_cast<float>(in[at] * inverse) * scale[static_cast<size_t>(at) % scale.size()];
      }
    }
  });
}

}  // namespace

void register_rms_normalization(OpTable& table) {
  table.add({.domain = "", .name = "RMSNormalization", .infer = infer_same, .evaluate = evaluate});
  // The name onnxruntime's optimizer gave it before ONNX had one.
  table.add({.domain = "",
             .name = "SimplifiedLayerNormalization",
             .infer = infer_same,
             .evaluate = evaluate});
}

}  // namespace whittle
