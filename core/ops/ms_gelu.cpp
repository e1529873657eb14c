#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"

namespace whittle {
namespace {

/** y = f(x + bias), the bias (input 1, may be absent) broadcast along the last axis. */
void evaluate_biased(EvalContext& context, FunctionRef<float(float)> f) {
  const Tensor x = float_input(context, 0);
  const std::vector<float> bias = repeating_values(context, 1, x.shape(), 0.0f);
  fill_widened(context, 0, context.input(0).dtype(), x.shape(), [&](Tensor& y) {
    const auto in = x.data<float>();
    const auto out = y.mutable_data<float>();
    for (size_t i = 0; i < in.size(); ++i) out[i] = f(in[i] + bias[i % bias.size()]);
  });
}

// y = x / 2 * (1 + erf(x / sqrt(2)))
void evaluate_gelu(EvalContext& context) {
  evaluate_biased(context, [](float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); });
}

// y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
void evaluate_fast_gelu(EvalContext& context) {
  evaluate_biased(context, [](float x) {
    return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
  });
}

// y = x * sigmoid(alpha * x)
void evaluate_quick_gelu(EvalContext& context) {
  const float alpha = context.node().float_attribute("alpha", 1.702f);
  evaluate_biased(context, [alpha](float x) { return x / (1.0f + std::exp(-alpha * x)); });
}

}  // namespace

void register_ms_gelu(OpTable& table) {
  const auto add = [&](std::string_view name, void (*evaluate)(EvalContext&)) {
    table.add({.domain = "com.microsoft",
               .name = name,
               .infer = infer_same,
               .evaluate = evaluate,
               .traits = Trait::elementwise});
  };
  add("Gelu", evaluate_gelu);
  add("BiasGelu", evaluate_gelu);
  add("FastGelu", evaluate_fast_gelu);
  add("QuickGelu", evaluate_quick_gelu);
}

}  // namespace whittle
