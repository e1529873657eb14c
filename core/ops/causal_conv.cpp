// CausalConvWithState: a depthwise convolution along time that sees the past only, and hands on the
// end of what it saw.
#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const auto &x = context.dims(0), &weight = context.dims(1);
  context.set_output(0, context.dtype(0), x);
  if (!x || x->size() != 3) return context.set_output(1, context.dtype(0));
  Dim state;
  if (weight && weight->size() == 3 && (*weight)[2].known()) state = (*weight)[2].value - 1;
  context.set_output(1, context.dtype(0), Dims{(*x)[0], (*x)[1], state});
}

bool applies_silu(const Node& node) {
  const std::string activation = node.string_attribute("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    fail(Code::INVALID_GRAPH, node.label(), "Expected activation none, silu or swish for ",
         node.label(), " but received '", activation, "'");
  }
  return activation != "none";
}

// y[n, c, t] = act(sum over i of w[c, i] z[n, c, t + i] + b[c]), z = past state then x
//   x, y [batch, channels, length]   weight [channels, 1, k]   bias [channels]
//   past and present state [batch, channels, k - 1]: the last values of z
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor x = float_input(context, 0);
  const Tensor weight = float_input(context, 1);
  const Shape& shape = x.shape();
  const Shape& kernel = weight.shape();
  if (shape.rank() != 3 || kernel.rank() != 3 || kernel[0] != shape[1] || kernel[1] != 1 ||
      kernel[2] < 1) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected [batch,channels,length] and weights [channels,1,k] for ", node.label(),
         " but received ", to_string(shape), " and ", to_string(kernel));
  }
  const bool silu = applies_silu(node);
  const int64_t channels = shape[1], length = shape[2], taps = kernel[2], kept = taps - 1;
  const std::vector<float> bias = float_values(context, 2);
  if (!bias.empty()) require_elements(context, context.input(2), channels, "a bias");
  const Shape state_shape{shape[0], channels, kept};
  const std::vector<float> past = float_values(context, 3);
  if (!past.empty()) {
    require_elements(context, context.input(3), state_shape.elements(), "a past state");
  }
  Tensor present = Tensor::allocate(DType::f32, state_shape);
  std::vector<float> line(static_cast<size_t>(kept + length), 0.0f);
  const DType dtype = context.input(0).dtype();
  fill_widened(context, 0, dtype, shape, [&](Tensor& y) {
    for (int64_t row = 0; row < shape[0] * channels; ++row) {
      if (!past.empty()) std::copy_n(past.begin() + row * kept, kept, line.begin());
      std::copy_n(x.data<float>().begin() + row * length, length, line.begin() + kept);
      const int64_t channel = row % channels;
      const float* w = weight.data<float>().data() + channel * taps;
      float* out = y.mutable_data<float>().data() + row * length;
      const float start = bias.empty() ? 0.0f : bias[static_cast<size_t>(channel)];
      for (int64_t t = 0; t < length; ++t) {
        float sum = start;
        for (int64_t i = 0; i < taps; ++i) sum += w[i] * line[static_cast<size_t>(t + i)];
        out[t] = silu ? sum / (1.0f + std::exp(-sum)) : sum;
      }
      std::copy_n(line.end() - kept, kept, present.mutable_data<float>().begin() + row * kept);
    }
  });
  if (context.wants_output(1)) convert_into(present, context.output(1, dtype, state_shape));
}

Cost cost(const NodeFacts& facts) {
  if (facts.inputs.size() < 2 || !facts.inputs[0].dims || !facts.inputs[1].dims) return {};
  const auto x = concrete(*facts.inputs[0].dims);
  const auto weight = concrete(*facts.inputs[1].dims);
  if (!x || !weight || weight->rank() != 3) return {};
  return {checked_mul(x->elements(), (*weight)[2], "MACs")};
}

}  // namespace

void register_causal_conv(OpTable& table) {
  table.add({.name = "CausalConvWithState", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
