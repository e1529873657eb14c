#include "core/ops/support/conv_geometry.h"
#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/narrow_weights.h"
#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/conv_method.h"

namespace whittle {
namespace {

/** A value that is a constant of halves behind a Cast, as the floats it stands for: biases are few.
 * Other values are returned as they are. */
ValueId widened_constant(ValueId id, const Patterns& patterns, LoweredGraph& graph) {
  const LoweredOp* cast = id == kNoValue ? nullptr : patterns.made_by(id, "Cast");
  const Tensor* half = cast != nullptr ? graph.constant(cast->node.inputs[0]) : nullptr;
  if (half == nullptr || half->dtype() != DType::f16 || !is_f32(graph, id)) return id;
  const std::vector<float> wide = to_floats(*half, cast->node.label());
  const ValueId made = graph.add_constant(
      graph.value(id).name, Tensor::of<float>(half->shape(), std::span<const float>(wide)));
  graph.value(made).shared_key = derived_key(graph, "widened", {cast->node.inputs[0]});
  return made;
}

/** A bias that can be packed: absent, or n constant floats. */
bool constant_bias(const LoweredGraph& graph, ValueId id, int64_t n) {
  if (id == kNoValue) return true;
  const Tensor* tensor = graph.constant(id);
  return tensor != nullptr && tensor->dtype() == DType::f32 && tensor->elements() == n;
}

void replace_by(LoweredOp& op, std::string kind, ValueId x, StoredWeights weights, ValueId bias) {
  LoweredOp made = make_lowered(std::move(kind), {x, weights.value, bias}, op);
  made.node.attributes = op.node.attributes;
  made.parts = op.parts;
  if (weights.narrow) made.narrow[1] = std::move(*weights.narrow);
  made.cost = op.cost;
  op = std::move(made);
}

void lower_conv(LoweredOp& op, const Patterns& patterns, LoweredGraph& graph) {
  const bool transposed = op.node.op == "ConvTranspose";
  const ValueId x = op.node.inputs[0];
  if (!is_f32(graph, x) || !(has_rank(graph, x, 3) || has_rank(graph, x, 4))) return;
  const ProductAxes axes = transposed ? ProductAxes{1, 0} : ProductAxes{0, 1};
  auto weights = stored_weights(op.node.inputs[1], axes, patterns, graph);
  if (!weights) return;
  const Shape w = graph.value(weights->value).shape;
  // Few channels are not worth blocks, and the ways of computing them mix channels with taps.
  if (weights->narrow && weights->narrow->block != 0 && w[1] <= kFewChannels) return;
  const int64_t groups = op.node.int_attribute("group", 1);
  const int64_t n = transposed ? w[1] * groups : w[0];
  const ValueId bias = widened_constant(op.node.input(2), patterns, graph);
  if (!constant_bias(graph, bias, n)) return;
  if (transposed) {
    // The sub-pixel form needs taps on the input's grid, and weights of at least a byte.
    const ConvGeometry geometry = conv_transpose_geometry(op.node, graph.value(x).shape, w);
    for (const WindowAxis& axis : geometry.axes) {
      if (axis.dilation != 1) return;
    }
    if (groups != 1 || (weights->narrow && weights->narrow->kind != WeightKind::s8)) return;
  }
  replace_by(op, op.node.op, x, std::move(*weights), bias);
}

/** A constant scaled by `factor` and repeated to n values. */
ValueId scaled_vector(LoweredGraph& graph, ValueId id, float factor, int64_t n) {
  const auto source = graph.constant(id)->data<float>();
  if (factor == 1.0f && static_cast<int64_t>(source.size()) == n) return id;
  Tensor vector = Tensor::allocate(DType::f32, Shape{n});
  auto out = vector.mutable_data<float>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = factor * source[source.size() == 1 ? 0 : i];
  return graph.add_constant(graph.value(id).name + "/bias", std::move(vector));
}

bool is_bias_row(const LoweredGraph& graph, ValueId id, int64_t n) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32) return false;
  if (tensor->elements() == 1) return true;
  return tensor->elements() == n && tensor->shape().back() == n;
}

/** Y = A B + C with a constant B. What C cannot be packed becomes an Add of its own. */
void lower_gemm(LoweredOp& op, const Patterns& patterns, LoweredGraph& graph,
                std::vector<LoweredOp>& after) {
  if (!is_f32(graph, op.node.inputs[0]) || op.node.int_attribute("transA", 0) != 0) return;
  if (op.node.float_attribute("alpha", 1.0f) != 1.0f) return;
  const bool transposed = op.node.int_attribute("transB", 0) != 0;
  const ProductAxes axes = transposed ? ProductAxes{0, 1} : ProductAxes{1, 0};
  auto weights = stored_weights(op.node.inputs[1], axes, patterns, graph);
  if (!weights) return;
  const ValueId output = op.node.outputs[0];
  const int64_t n = graph.value(output).shape.back();
  const float beta = op.node.float_attribute("beta", 1.0f);
  ValueId bias = beta == 0.0f ? kNoValue : widened_constant(op.node.input(2), patterns, graph);
  if (bias == kNoValue || is_bias_row(graph, bias, n)) {
    if (bias != kNoValue) bias = scaled_vector(graph, bias, beta, n);
    replace_by(op, "Linear", op.node.inputs[0], std::move(*weights), bias);
    op.node.attributes["transposed"] = static_cast<int64_t>(transposed);
    return;
  }
  if (beta != 1.0f || !is_f32(graph, bias)) return;
  LoweredValue product = graph.value(output);
  product.name += "/product";
  const ValueId middle = graph.add_value(std::move(product));
  replace_by(op, "Linear", op.node.inputs[0], std::move(*weights), kNoValue);
  op.node.attributes["transposed"] = static_cast<int64_t>(transposed);
  op.node.outputs[0] = middle;
  LoweredOp add;
  add.node.op = "Add";
  add.node.name = op.node.name;
  add.node.inputs = {middle, bias};
  add.node.outputs = {output};
  add.definition = all_ops().find("", "Add");
  add.parts = "Add";
  after.push_back(std::move(add));
}

void lower_matmul(LoweredOp& op, const Patterns& patterns, LoweredGraph& graph) {
  const ValueId b = op.node.inputs[1];
  if (!is_f32(graph, op.node.inputs[0]) || !has_rank(graph, b, 2)) return;
  auto weights = stored_weights(b, {1, 0}, patterns, graph);
  if (!weights) return;
  replace_by(op, "Linear", op.node.inputs[0], std::move(*weights), kNoValue);
  op.node.attributes["transposed"] = int64_t{0};
}

/** Whether a recurrent node is of the plain kind the fast step does: sequences of one length,
 * default activations, no peepholes. */
bool is_plain_recurrence(const LoweredOp& op, const LoweredGraph& graph) {
  const Node& node = op.node;
  if (node.int_attribute("layout", 0) != 0 || node.has("clip") || node.has("activation_alpha") ||
      node.has("activation_beta") || node.int_attribute("input_forget", 0) != 0) {
    return false;
  }
  if (node.has("activations")) {
    const std::vector<std::string> stated = node.strings_attribute("activations");
    const size_t each = node.op == "LSTM" ? 3 : node.op == "GRU" ? 2 : 1;
    for (size_t i = 0; i < stated.size(); ++i) {
      const bool is_gate = node.op != "RNN" && i % each == 0;
      if (stated[i] != (is_gate ? "Sigmoid" : "Tanh")) return false;
    }
  }
  if (node.input(4) != kNoValue || node.input(7) != kNoValue) return false;
  const ValueId bias = node.input(3);
  if (bias != kNoValue && (graph.constant(bias) == nullptr || !is_f32(graph, bias))) return false;
  return is_f32(graph, node.inputs[0]) && graph.value(node.inputs[0]).is_static &&
         graph.value(node.inputs[0]).shape.elements() > 0;
}

/** LSTM, GRU and RNN: both matrices constant, wide or narrow with a scale for each gate row. */
void lower_recurrence(LoweredOp& op, const Patterns& patterns, LoweredGraph& graph) {
  if (op.node.inputs.size() > 3) {
    op.node.inputs[3] = widened_constant(op.node.inputs[3], patterns, graph);
  }
  if (!is_plain_recurrence(op, graph)) return;
  auto w = stored_weights(op.node.inputs[1], {1, 2}, patterns, graph);
  auto r = stored_weights(op.node.inputs[2], {1, 2}, patterns, graph);
  if (!w || !r) return;
  LoweredOp made = make_lowered(op.node.op, op.node.inputs, op);
  made.node.inputs[1] = w->value;
  made.node.inputs[2] = r->value;
  made.node.inputs.resize(7, kNoValue);
  made.node.attributes = op.node.attributes;
  made.parts = op.parts;
  made.cost = op.cost;
  if (w->narrow) made.narrow[1] = std::move(*w->narrow);
  if (r->narrow) made.narrow[2] = std::move(*r->narrow);
  op = std::move(made);
}

}  // namespace

void lower_products(LoweredGraph& graph) {
  const Patterns patterns(graph);
  std::vector<std::pair<size_t, LoweredOp>> inserted;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    LoweredOp& op = graph.ops[i];
    if (op.node.is("LSTM") || op.node.is("GRU") || op.node.is("RNN")) {
      lower_recurrence(op, patterns, graph);
      continue;
    }
    if (op.node.outputs.empty() || op.node.outputs[0] == kNoValue ||
        !graph.value(op.node.outputs[0]).is_static) {
      continue;
    }
    std::vector<LoweredOp> after;
    if (op.node.is("Conv") || op.node.is("ConvTranspose")) lower_conv(op, patterns, graph);
    if (op.node.is("Gemm")) lower_gemm(op, patterns, graph, after);
    if (op.node.is("MatMul")) lower_matmul(op, patterns, graph);
    for (LoweredOp& extra : after) inserted.emplace_back(i + 1, std::move(extra));
  }
  for (size_t k = inserted.size(); k-- > 0;) {
    graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(inserted[k].first),
                     std::move(inserted[k].second));
  }
  remove_dead_ops(graph);
}

}  // namespace whittle
