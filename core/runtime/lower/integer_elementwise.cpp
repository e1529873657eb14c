#include <algorithm>

#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/quantization.h"
#include "core/runtime/steps/fits.h"

namespace whittle {
namespace {

/** A unary function between DequantizeLinear and QuantizeLinear is a table of 256 entries. */
std::optional<LoweredOp> as_table(const LoweredOp& op, const LoweredOp& quantize,
                                  const Quantization& output, LoweredGraph& graph,
                                  const Patterns& patterns) {
  const auto unary = unary_of(op, graph);
  if (!unary) return std::nullopt;
  const auto x = quantized_input(graph, patterns, op.node.inputs[0]);
  if (!x || graph.value(x->value).is_constant()) return std::nullopt;
  std::vector<float> values(256);
  for (int byte = 0; byte < 256; ++byte) {
    const int32_t q = x->quantization.dtype == DType::i8 ? static_cast<int8_t>(byte) : byte;
    values[static_cast<size_t>(byte)] = dequantize_value(q, x->quantization);
  }
  reference_kernels().unary_for(unary->kind)(values.data(), values.data(), values.size(),
                                             unary->params);
  Tensor table = Tensor::allocate(DType::u8, Shape{256});
  for (size_t i = 0; i < values.size(); ++i) {
    table.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(quantize_value(values[i], output));
  }
  LoweredOp made = make_lookup(graph, x->value, table, quantize);
  made.parts = "Q" + op.parts;
  return made;
}

/** Add or Mul of two quantized values, an optional Relu behind it. */
std::optional<LoweredOp> as_binary(const LoweredOp& op, const LoweredOp& quantize,
                                   const Quantization& output, const LoweredGraph& graph,
                                   const Patterns& patterns) {
  const bool add = op.node.is("Add");
  if (!add && !op.node.is("Mul")) return std::nullopt;
  const auto a = quantized_input(graph, patterns, op.node.inputs[0]);
  const auto b = quantized_input(graph, patterns, op.node.inputs[1]);
  if (!a || !b) return std::nullopt;
  LoweredOp made = make_lowered(add ? "QAdd" : "QMul", {a->value, b->value}, quantize);
  made.parts = "Q" + op.parts;
  made.integer = IntegerForm{{a->quantization, b->quantization},
                             output,
                             true,
                             type_min(output.dtype),
                             type_max(output.dtype)};
  return made;
}

/** Means are taken in integers. */
std::optional<LoweredOp> as_pool(const LoweredOp& op, const LoweredOp& quantize,
                                 const Quantization& output, const LoweredGraph& graph,
                                 const Patterns& patterns) {
  const bool global = op.node.is("GlobalAveragePool");
  if (!global && !op.node.is("AveragePool")) return std::nullopt;
  const auto x = quantized_input(graph, patterns, op.node.inputs[0]);
  if (!x || graph.value(x->value).is_constant()) return std::nullopt;
  const int rank = graph.value(x->value).shape.rank();
  if (rank < 3 || rank > 4) return std::nullopt;
  for (int64_t dilation : op.node.ints_attribute("dilations")) {
    if (dilation != 1) return std::nullopt;
  }
  LoweredOp made =
      make_lowered(global ? "QGlobalAveragePool" : "QAveragePool", {x->value}, quantize);
  made.node.attributes = op.node.attributes;
  made.parts = "Q" + op.parts;
  made.integer =
      IntegerForm{{x->quantization}, output, true, type_min(output.dtype), type_max(output.dtype)};
  return made;
}

/** Interpolation from 8 bits to 8 bits. */
std::optional<LoweredOp> as_resize(const LoweredOp& op, const LoweredOp& quantize,
                                   const Quantization& output, const LoweredGraph& graph,
                                   const Patterns& patterns) {
  if (!op.node.is("Resize")) return std::nullopt;
  const auto x = quantized_input(graph, patterns, op.node.inputs[0]);
  if (!x || graph.value(x->value).is_constant()) return std::nullopt;
  LoweredOp made = make_lowered("QResize", op.node.inputs, quantize);
  made.node.inputs[0] = x->value;
  made.node.attributes = op.node.attributes;
  made.parts = "Q" + op.parts;
  made.integer =
      IntegerForm{{x->quantization}, output, true, type_min(output.dtype), type_max(output.dtype)};
  if (!fits_resize(made, graph)) return std::nullopt;
  return made;
}

/** QLinearAdd and QLinearMul of com.microsoft. */
std::optional<LoweredOp> from_qlinear(const LoweredOp& op, const LoweredGraph& graph) {
  const bool add = op.node.is("com.microsoft", "QLinearAdd");
  if (!add && !op.node.is("com.microsoft", "QLinearMul")) return std::nullopt;
  const auto& in = op.node.inputs;
  if (in.size() < 8 || !graph.value(op.node.outputs[0]).is_static) return std::nullopt;
  const auto a = quantization_of(graph, in[1], in[2], graph.value(in[0]).dtype);
  const auto b = quantization_of(graph, in[4], in[5], graph.value(in[3]).dtype);
  const auto y = quantization_of(graph, in[6], in[7], graph.value(op.node.outputs[0]).dtype);
  if (!a || !b || !y || !graph.value(in[0]).is_static || !graph.value(in[3]).is_static) {
    return std::nullopt;
  }
  LoweredOp made = make_lowered(add ? "QAdd" : "QMul", {in[0], in[3]}, op);
  made.parts = op.parts;
  made.integer = IntegerForm{{*a, *b}, *y, true, type_min(y->dtype), type_max(y->dtype)};
  return made;
}

}  // namespace

void lower_integer_elementwise(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (graph.ops[i].node.outputs.empty() || graph.ops[i].node.outputs[0] == kNoValue) continue;
    if (auto made = from_qlinear(graph.ops[i], graph)) {
      graph.ops[i] = std::move(*made);
      continue;
    }
    const LoweredOp op = graph.ops[i];
    if (!graph.value(op.node.outputs[0]).is_static) continue;
    int next = patterns.index().only_consumer(op.node.outputs[0]);
    if (next < 0) continue;
    const LoweredOp* reader = &graph.ops[static_cast<size_t>(next)];
    const bool relu = reader->node.is("Relu");
    if (relu) {
      next = patterns.index().only_consumer(reader->node.outputs[0]);
      if (next < 0) continue;
      reader = &graph.ops[static_cast<size_t>(next)];
    }
    const auto output = quantizes(graph, *reader);
    if (!output) continue;
    const LoweredOp quantize = *reader;
    auto made = as_binary(op, quantize, *output, graph, patterns);
    // Pool kernels have no clamp of their own.
    if (!made && !relu) made = as_pool(op, quantize, *output, graph, patterns);
    if (!made && !relu) made = as_resize(op, quantize, *output, graph, patterns);
    if (made && relu) {
      made->integer->qmin = std::max(made->integer->qmin, quantize_value(0.0f, *output));
      made->parts += "+Relu";
    }
    if (!made && !relu) made = as_table(op, quantize, *output, graph, patterns);
    if (made) graph.ops[static_cast<size_t>(next)] = std::move(*made);
  }
  remove_dead_ops(graph);
}

}  // namespace whittle
