#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// y[b, c, i] = x[b, c, i] / (bias + alpha / size * sum over d of x[b, d, i]^2)^beta, where d runs
// from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2) as far as there are channels.
//   x, y [batch, channels, pixels..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  require_rank(node, shape, 2);
  const int64_t size = node.int_attribute("size", 0);
  if (size < 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a positive attribute 'size' for ",
         node.label(), " but received ", size);
  }
  const float alpha = node.float_attribute("alpha", 1e-4f) / static_cast<float>(size);
  const float beta = node.float_attribute("beta", 0.75f);
  const float bias = node.float_attribute("bias", 1.0f);
  const int64_t channels = shape[1];
  const int64_t pixels = shape.elements(2, shape.rank());
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    std::vector<float> sums(static_cast<size_t>(pixels));
    for (int64_t row = 0; row < shape[0] * channels; ++row) {
      const int64_t c = row % channels;
      const float* image = x.data<float>().data() + (row - c) * pixels;
      std::fill(sums.begin(), sums.end(), 0.0f);
      const int64_t first = std::max<int64_t>(0, c - (size - 1) / 2);
      const int64_t last = std::min(channels - 1, c + size / 2);
      for (int64_t d = first; d <= last; ++d) {
        for (int64_t i = 0; i < pixels; ++i) {
          sums[static_cast<size_t>(i)] += image[d * pixels + i] * image[d * pixels + i];
        }
      }
      for (int64_t i = 0; i < pixels; ++i) {
        out[row * pixels + i] =
            image[c * pixels + i] / std::pow(bias + alpha * sums[static_cast<size_t>(i)], beta);
      }
    }
  });
}

}  // namespace

void register_lrn(OpTable& table) {
  table.add({.domain = "", .name = "LRN", .infer = infer_same, .evaluate = evaluate});
}

}  // namespace whittle
