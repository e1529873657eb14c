#include <algorithm>
#include <cmath>

#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {
namespace {

bool is_linear(const LoweredOp& op) {
  return op.node.op == "Linear" || op.node.op == "QLinear";
}

/** A product with a float result. */
bool is_product(const LoweredOp& op) {
  if (op.node.domain != kLowered) return false;
  static constexpr std::string_view kProducts[] = {"Conv",  "ConvTranspose",  "Linear",
                                                   "QConv", "QConvTranspose", "QLinear"};
  return std::find(std::begin(kProducts), std::end(kProducts), op.node.op) != std::end(kProducts) &&
         !(op.integer && op.integer->output_quantized);
}

/** Which input is the float bias. */
size_t bias_input(const LoweredOp& op) {
  return op.integer ? 3 : 2;
}

/** Output columns of a product, and the rank and position of their axis. */
int64_t columns_of(const LoweredOp& op, const LoweredGraph& graph) {
  const Shape& shape = graph.value(op.node.outputs[0]).shape;
  return is_linear(op) ? shape.back() : shape[1];
}

/** `id` as one constant for each output column of the product, or nullopt. */
std::optional<std::vector<float>> column_values(const LoweredOp& product, ValueId id,
                                                const LoweredGraph& graph) {
  const int64_t n = columns_of(product, graph);
  const int rank = graph.value(product.node.outputs[0]).shape.rank();
  if (!is_linear(product)) {
    if (!is_per_channel(graph, id, n, rank)) return std::nullopt;
    return per_channel_values(graph, id, n);
  }
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->shape().rank() > rank) {
    return std::nullopt;
  }
  const bool row = tensor->elements() == n && (n == 1 || tensor->shape().back() == n);
  if (tensor->elements() != 1 && !row) return std::nullopt;
  return per_channel_values(graph, id, n);
}

/** Adds values to the product's bias. */
void add_to_bias(LoweredOp& product, ValueId added, const std::vector<float>& values,
                 LoweredGraph& graph) {
  Tensor sum =
      Tensor::of<float>(Shape{static_cast<int64_t>(values.size())}, std::span<const float>(values));
  const size_t at = bias_input(product);
  if (product.node.inputs.size() <= at) product.node.inputs.resize(at + 1, kNoValue);
  if (const Tensor* bias = graph.constant(product.node.inputs[at])) {
    auto out = sum.mutable_data<float>();
    for (size_t i = 0; i < out.size(); ++i) out[i] += bias->data<float>()[i];
  }
  std::string key = derived_key(graph, "bias", {product.node.inputs[at], added});
  product.node.inputs[at] =
      graph.add_constant(graph.value(product.node.outputs[0]).name + "/bias", std::move(sum));
  graph.value(product.node.inputs[at]).shared_key = std::move(key);
}

/** Takes `next`, the only reader of the product's output, into the product if it fits. */
bool absorb(LoweredOp& product, const LoweredOp& next, LoweredGraph& graph) {
  Epilogue& epilogue = product.epilogue;
  const ValueId value = product.node.outputs[0];
  if (epilogue.unary) return false;
  if (next.node.is("Add") && !epilogue.clamps() && binary_of(next, graph)) {
    const ValueId other = Patterns::other(next, value);
    if (other == value) return false;
    if (const auto values = column_values(product, other, graph);
        values && epilogue.residual == kNoValue) {
      add_to_bias(product, other, *values, graph);
      return true;
    }
    const bool same_shape =
        graph.value(other).is_static && graph.value(other).shape == graph.value(value).shape;
    if (!same_shape || epilogue.residual != kNoValue ||
        product.node.op.ends_with("ConvTranspose")) {
      return false;
    }
    epilogue.residual = other;
    return true;
  }
  const auto unary = unary_of(next, graph);
  if (!unary || next.node.inputs[0] != value) return false;
  const bool clip = unary->kind == UnaryKind::clip && unary->params.alpha <= unary->params.beta;
  if (unary->kind == UnaryKind::relu || clip) {
    const float low = clip ? unary->params.alpha : 0.0f;
    const float high = clip ? unary->params.beta : __builtin_inff();
    if (std::isnan(low) || std::isnan(high)) return false;
    epilogue.min = std::min(std::max(epilogue.min, low), high);
    epilogue.max = std::min(std::max(epilogue.max, low), high);
    return true;
  }
  epilogue.unary = unary->kind;
  epilogue.unary_params = unary->params;
  return true;
}

}  // namespace

void fuse_epilogues(LoweredGraph& graph) {
  const LoweredIndex index(graph);
  std::vector<bool> absorbed(graph.ops.size(), false);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (absorbed[i] || !is_product(graph.ops[i])) continue;
    // The fused product runs where its last part stood, so that a residual made later is ready.
    size_t at = i;
    LoweredOp product = graph.ops[i];
    for (;;) {
      const int next = index.only_consumer(product.node.outputs[0]);
      if (next < 0 || absorbed[static_cast<size_t>(next)]) break;
      const LoweredOp& reader = graph.ops[static_cast<size_t>(next)];
      if (reader.node.outputs.size() != 1 || !absorb(product, reader, graph)) break;
      product.parts += "+" + reader.parts;
      product.node.outputs = reader.node.outputs;
      absorbed[at] = true;
      at = static_cast<size_t>(next);
    }
    absorbed[at] = false;
    graph.ops[at] = std::move(product);
    if (at != i) absorbed[i] = true;
  }
  std::vector<LoweredOp> kept;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (!absorbed[i]) kept.push_back(std::move(graph.ops[i]));
  }
  graph.ops = std::move(kept);
}

}  // namespace whittle
