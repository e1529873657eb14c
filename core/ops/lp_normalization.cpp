#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// y = x / norm, where norm = (sum over the axis of |x|^p)^(1/p) in double for p = 1 or 2, and 0
// where the norm is 0.   x, y [outer.., axis, inner..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const int64_t p = node.int_attribute("p", 2);
  if (p != 1 && p != 2) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected 1 or 2 for attribute 'p' of ", node.label(),
         " but received ", p);
  }
  const Tensor x = float_input(context, 0);
  const AxisSplit split = split_at(x.shape(), node.int_attribute("axis", -1), node);
  fill_widened(context, 0, context.input(0).dtype(), x.shape(), [&](Tensor& y) {
    const float* in = x.data<float>().data();
    float* out = y.mutable_data<float>().data();
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        const int64_t start = o * split.axis * split.inner + i;
        double norm = 0;
        for (int64_t a = 0; a < split.axis; ++a) {
          const double value = in[start + a * split.inner];
          norm += p == 1 ? std::fabs(value) : value * value;
        }
        if (p == 2) norm = std::sqrt(norm);
        for (int64_t a = 0; a < split.axis; ++a) {
          const int64_t at = start + a * split.inner;
          out[at] = norm == 0 ? 0.0f : static_cast<float>(in[at] / norm);
        }
      }
    }
  });
}

}  // namespace

void register_lp_normalization(OpTable& table) {
  table.add({.domain = "", .name = "LpNormalization", .infer = infer_same, .evaluate = evaluate});
}

}  // namespace whittle
