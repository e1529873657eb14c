#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/conv_cost.h"
#include "core/ops/support/conv_loops.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, context.dtype(0),
                     conv_dims(context.node(), context.dims(0), context.dims(1)));
}

/** Applies attribute `activation` with its activation_params in place. */
void activate(const Node& node, std::span<float> y) {
  const std::string name = node.string_attribute("activation", "");
  const std::vector<float> params = node.floats_attribute("activation_params");
  const auto param = [&](size_t i, float fallback) {
    return i < params.size() ? params[i] : fallback;
  };
  const float a = param(0, name == "LeakyRelu" ? 0.01f : 0.2f);
  const float b = param(1, 0.5f);
  const auto apply = [&](FunctionRef<float(float)> f) {
    for (float& value : y) value = f(value);
  };
  if (name.empty()) return;
  if (name == "Relu") return apply([](float x) { return x < 0.0f ? 0.0f : x; });
  if (name == "Tanh") return apply([](float x) { return std::tanh(x); });
  if (name == "Sigmoid") return apply([](float x) { return 1.0f / (1.0f + std::exp(-x)); });
  if (name == "LeakyRelu") return apply([a](float x) { return x < 0.0f ? a * x : x; });
  if (name == "Clip" && params.size() == 2) {
    return apply([a, b](float x) { return x < a ? a : x > b ? b : x; });
  }
  if (name == "HardSigmoid") {
    return apply([a, b](float x) { return std::clamp(a * x + b, 0.0f, 1.0f); });
  }
  fail(Code::UNSUPPORTED, node.label(), "Expected a known activation for ", node.label(),
       " but received '", name, "' with ", params.size(), " parameters");
}

// y = activation(conv(x, w) + bias + z)
//   x, w, bias as Conv   z: as y, may be absent
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Tensor w = float_input(context, 1);
  const ConvGeometry geometry = conv_geometry(node, x.shape(), w.shape());
  fill_widened(context, 0, context.input(0).dtype(), geometry.output_shape(), [&](Tensor& y) {
    fill_with_bias(context, 2, y);
    convolve(geometry, x.data<float>().data(), w.data<float>().data(),
             y.mutable_data<float>().data());
    const auto out = y.mutable_data<float>();
    if (context.has_input(3)) {
      const std::vector<float> z = float_values(context, 3);
      require_elements(context, context.input(3), y.elements(), "a sum input");
      for (size_t i = 0; i < z.size(); ++i) out[i] += z[i];
    }
    activate(node, out);
  });
}

}  // namespace

void register_ms_fused_conv(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "FusedConv",
             .infer = infer,
             .evaluate = evaluate,
             .cost = conv_cost});
}

}  // namespace whittle
