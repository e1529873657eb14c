#include <algorithm>
#include <cmath>

#include "core/ops/support/conv_geometry.h"
#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/quantization.h"

namespace whittle {
namespace {

// A lowered integer product (QConv, QConvTranspose, QLinear) reads
//   0 x, 8-bit   1 constant weights   2 constant int32 bias   3 constant float bias (float result)
//   4 scale of x, 5 zero point of x: only where they are made at run time

/** A bias as int32 in units of x_scale * w_scale[n]. */
ValueId integer_bias(LoweredGraph& graph, const Patterns& patterns, ValueId id,
                     const Quantization& x, const Quantization& w) {
  if (id == kNoValue) return kNoValue;
  const size_t n = w.scale.size();
  std::vector<float> values;
  if (const LoweredOp* op = patterns.made_by(id, "DequantizeLinear")) {
    const Tensor* q = graph.constant(op->node.inputs[0]);
    const Tensor* scale = graph.constant(op->node.inputs[1]);
    const Tensor* zero = graph.constant(op->node.input(2));
    if (q == nullptr || scale == nullptr || q->dtype() != DType::i32 ||
        q->elements() != static_cast<int64_t>(n) || scale->dtype() != DType::f32) {
      return kNoValue;
    }
    bool same = true;
    for (size_t i = 0; i < n; ++i) {
      const float stated = scale->data<float>()[scale->elements() == 1 ? 0 : i];
      const float implied = x.scale[0] * w.scale[i];
      same = same && std::abs(stated - implied) <= 1e-5f * implied;
    }
    if (zero != nullptr) {
      for (int64_t i = 0; i < zero->elements(); ++i)
        same = same && quantized_element(*zero, i) == 0;
    }
    if (same) return op->node.inputs[0];
    for (size_t i = 0; i < n; ++i) {
      const float stated = scale->data<float>()[scale->elements() == 1 ? 0 : i];
      const int32_t point =
          zero ? quantized_element(*zero, zero->elements() == 1 ? 0 : static_cast<int64_t>(i)) : 0;
      values.push_back(static_cast<float>(q->data<int32_t>()[i] - point) * stated);
    }
  } else if (const Tensor* tensor = graph.constant(id);
             tensor && tensor->dtype() == DType::f32 &&
             tensor->elements() == static_cast<int64_t>(n)) {
    values.assign(tensor->data<float>().begin(), tensor->data<float>().end());
  } else {
    return kNoValue;
  }
  // A bias in other units is rounded to the sum's own unit, far below one step of the result.
  Tensor made = Tensor::allocate(DType::i32, Shape{static_cast<int64_t>(n)});
  for (size_t i = 0; i < n; ++i) {
    const double units = std::nearbyint(static_cast<double>(values[i]) /
                                        (static_cast<double>(x.scale[0]) * w.scale[i]));
    made.mutable_data<int32_t>()[i] =
        static_cast<int32_t>(std::min(std::max(units, -2147483648.0), 2147483647.0));
  }
  return graph.add_constant(graph.value(id).name + "/int32", std::move(made));
}

/** A product ready to become integer. */
struct Candidate {
  Quantized x, w;
  ValueId bias = kNoValue;
  bool transposed = false;
  const char* op = "QConv";
};

/** The sum of 8-bit products stays within int32 for at most this many terms (255 * 255 each, half
 * of the range left for the bias). */
constexpr int64_t kMaxTerms = 16000;

/** Whether a ConvTranspose is a convolution for each phase of its outputs: no groups, taps on the
 * input's grid, some for every output. */
bool is_subpixel(const Node& node, const Shape& x, const Shape& w) {
  if (node.int_attribute("group", 1) != 1) return false;
  const ConvGeometry geometry = conv_transpose_geometry(node, x, w);
  return std::all_of(geometry.axes.begin(), geometry.axes.end(), [](const WindowAxis& axis) {
    return axis.dilation == 1 && axis.kernel >= axis.stride;
  });
}

std::optional<Candidate> find_candidate(const LoweredOp& op, LoweredGraph& graph,
                                        const Patterns& patterns) {
  const bool transposed_conv = op.node.is("ConvTranspose");
  const bool conv = op.node.is("Conv") || transposed_conv;
  const bool gemm = op.node.is("Gemm"), matmul = op.node.is("MatMul");
  if (!conv && !gemm && !matmul) return std::nullopt;
  if (!graph.value(op.node.outputs[0]).is_static) return std::nullopt;
  Candidate found;
  if (gemm) {
    found.transposed = op.node.int_attribute("transB", 0) != 0;
    if (op.node.int_attribute("transA", 0) != 0 || op.node.float_attribute("alpha", 1) != 1.0f ||
        op.node.float_attribute("beta", 1) != 1.0f) {
      return std::nullopt;
    }
  }
  const auto x = quantized_input(graph, patterns, op.node.inputs[0]);
  const int axis = (conv && !transposed_conv) || found.transposed ? 0 : 1;
  const auto w = quantized_weights(graph, patterns, op.node.inputs[1], axis);
  if (!x || !w || graph.value(x->value).is_constant()) return std::nullopt;
  const Shape& shape = graph.value(w->value).shape;
  if (conv && shape.rank() != 3 && shape.rank() != 4) return std::nullopt;
  if (!conv && shape.rank() != 2) return std::nullopt;
  if (transposed_conv && !is_subpixel(op.node, graph.value(op.node.inputs[0]).shape, shape)) {
    return std::nullopt;
  }
  const int64_t columns = shape[axis];
  if (columns == 0 || shape.elements() / columns > kMaxTerms) return std::nullopt;
  found.x = *x;
  found.w = *w;
  found.op = transposed_conv ? "QConvTranspose" : conv ? "QConv" : "QLinear";
  const ValueId bias = op.node.input(2);
  found.bias = integer_bias(graph, patterns, bias, x->quantization, w->quantization);
  if (bias != kNoValue && found.bias == kNoValue) return std::nullopt;
  return found;
}

/** Bounds of the quantized result behind an optional Relu or Clip. */
struct QuantizedEnd {
  int last = -1;  // index of the QuantizeLinear
  Quantization output;
  int32_t qmin = 0, qmax = 255;
  std::string parts;
};

std::optional<QuantizedEnd> find_end(const LoweredGraph& graph, const LoweredIndex& index,
                                     ValueId value) {
  int next = index.only_consumer(value);
  if (next < 0) return std::nullopt;
  std::optional<UnarySpec> clamp;
  QuantizedEnd end;
  const LoweredOp* op = &graph.ops[static_cast<size_t>(next)];
  if (const auto unary = unary_of(*op, graph);
      unary && (unary->kind == UnaryKind::relu || unary->kind == UnaryKind::clip)) {
    clamp = unary;
    end.parts = "+" + op->parts;
    next = index.only_consumer(op->node.outputs[0]);
    if (next < 0) return std::nullopt;
    op = &graph.ops[static_cast<size_t>(next)];
  }
  const auto output = quantizes(graph, *op);
  if (!output) return std::nullopt;
  end.last = next;
  end.output = *output;
  end.qmin = type_min(output->dtype);
  end.qmax = type_max(output->dtype);
  if (clamp) {
    const bool relu = clamp->kind == UnaryKind::relu;
    end.qmin = quantize_value(relu ? 0.0f : clamp->params.alpha, *output);
    if (!relu) end.qmax = quantize_value(clamp->params.beta, *output);
    if (end.qmin > end.qmax) return std::nullopt;
  }
  return end;
}

LoweredOp make_integer(const Candidate& found, const LoweredOp& op, const LoweredOp& last) {
  LoweredOp made = make_lowered(found.op, {found.x.value, found.w.value, found.bias}, last);
  made.node.attributes = op.node.attributes;
  made.node.attributes["transposed"] = static_cast<int64_t>(found.transposed);
  made.node.name = op.node.name;
  made.parts = "Q" + op.parts;
  made.cost = op.cost;
  made.integer = IntegerForm{{found.x.quantization, found.w.quantization}, {}, false, 0, 0};
  return made;
}

/** QLinearConv, QLinearMatMul and QGemm say the same in one node. */
std::optional<LoweredOp> from_qlinear(const LoweredOp& op, const LoweredGraph& graph) {
  const bool conv = op.node.is("QLinearConv");
  const bool gemm = op.node.is("com.microsoft", "QGemm");
  if (!conv && !gemm && !op.node.is("QLinearMatMul")) return std::nullopt;
  const auto& in = op.node.inputs;
  const size_t end = gemm ? 7 : 6;  // where scale and zero point of the result are
  if (gemm && (op.node.input(end + 1) == kNoValue || op.node.int_attribute("transA", 0) != 0 ||
               op.node.float_attribute("alpha", 1) != 1.0f)) {
    return std::nullopt;
  }
  const Tensor* w = graph.constant(in[3]);
  if (w == nullptr || graph.value(in[0]).is_constant() || w->shape().rank() < 2 ||
      !graph.value(op.node.outputs[0]).is_static || !graph.value(in[0]).is_static) {
    return std::nullopt;
  }
  if (conv ? (w->shape().rank() > 4 || w->shape().rank() < 3) : w->shape().rank() != 2) {
    return std::nullopt;
  }
  const bool transposed = gemm && op.node.int_attribute("transB", 0) != 0;
  const int64_t columns = conv || transposed ? w->shape()[0] : w->shape()[1];
  if (columns == 0 || w->elements() / columns > kMaxTerms) return std::nullopt;
  const auto x = quantization_of(graph, in[1], in[2], graph.value(in[0]).dtype);
  const auto weights = quantization_of(graph, in[4], in[5], w->dtype(), columns);
  const auto y =
      quantization_of(graph, in[end], in[end + 1], graph.value(op.node.outputs[0]).dtype);
  if (!x || !weights || !y) return std::nullopt;
  const ValueId bias = conv ? op.node.input(8) : gemm ? op.node.input(6) : kNoValue;
  if (bias != kNoValue) {
    const Tensor* values = graph.constant(bias);
    if (values == nullptr || values->dtype() != DType::i32 || values->elements() != columns) {
      return std::nullopt;
    }
  }
  Candidate found{{in[0], *x}, {in[3], *weights}, bias, transposed, conv ? "QConv" : "QLinear"};
  LoweredOp made = make_integer(found, op, op);
  made.parts = op.parts;
  made.integer->output = *y;
  made.integer->output_quantized = true;
  made.integer->qmin = type_min(y->dtype);
  made.integer->qmax = type_max(y->dtype);
  return made;
}

/** DynamicQuantizeLinear, MatMulInteger or ConvInteger, Cast, Mul by the scales. Returns the index
 * of the Mul and what replaces it. */
std::optional<std::pair<int, LoweredOp>> from_dynamic(const LoweredOp& op, LoweredGraph& graph,
                                                      const Patterns& patterns) {
  const bool conv = op.node.is("ConvInteger");
  if (!conv && !op.node.is("MatMulInteger")) return std::nullopt;
  const LoweredOp* dynamic = patterns.made_by(op.node.inputs[0], "DynamicQuantizeLinear");
  if (dynamic == nullptr || dynamic->node.outputs[0] != op.node.inputs[0] ||
      dynamic->node.output(2) != op.node.input(2)) {
    return std::nullopt;
  }
  const Tensor* w = graph.constant(op.node.inputs[1]);
  if (w == nullptr || !graph.value(op.node.outputs[0]).is_static) return std::nullopt;
  if (conv ? (w->shape().rank() > 4 || w->shape().rank() < 3) : w->shape().rank() != 2) {
    return std::nullopt;
  }
  const int64_t columns = conv ? w->shape()[0] : w->shape()[1];
  if (columns == 0 || w->elements() / columns > kMaxTerms) return std::nullopt;
  const int cast = patterns.index().only_consumer(op.node.outputs[0]);
  if (cast < 0 || !graph.ops[static_cast<size_t>(cast)].node.is("Cast")) return std::nullopt;
  const ValueId wide = graph.ops[static_cast<size_t>(cast)].node.outputs[0];
  const int mul = patterns.index().only_consumer(wide);
  if (mul < 0 || !is_f32(graph, wide)) return std::nullopt;
  const LoweredOp& scaled = graph.ops[static_cast<size_t>(mul)];
  if (!scaled.node.is("Mul")) return std::nullopt;

  // The factor is scale(x) * scale(w), one product or two in a row.
  const ValueId scale_x = dynamic->node.output(1);
  const auto is_scale_w = [&](ValueId id) {
    const Tensor* tensor = graph.constant(id);
    if (tensor == nullptr || tensor->dtype() != DType::f32) return false;
    if (tensor->elements() == 1) return true;
    return conv ? is_per_channel(graph, id, columns, w->shape().rank())
                : tensor->elements() == columns && tensor->shape().back() == columns;
  };
  const ValueId factor = Patterns::other(scaled, wide);
  ValueId scale_w = kNoValue;
  int last = mul;
  if (const LoweredOp* product = patterns.made_by(factor, "Mul")) {
    const ValueId other = Patterns::other(*product, scale_x);
    const bool has_x = product->node.inputs[0] == scale_x || product->node.inputs[1] == scale_x;
    if (!has_x || !is_scale_w(other)) return std::nullopt;
    scale_w = other;
  } else if (factor == scale_x) {
    last = patterns.index().only_consumer(scaled.node.outputs[0]);
    if (last < 0 || !graph.ops[static_cast<size_t>(last)].node.is("Mul")) return std::nullopt;
    scale_w = Patterns::other(graph.ops[static_cast<size_t>(last)], scaled.node.outputs[0]);
    if (!is_scale_w(scale_w)) return std::nullopt;
  } else {
    return std::nullopt;
  }

  Quantization weights;
  weights.dtype = w->dtype();
  weights.scale = per_channel_values(graph, scale_w, columns);
  weights.zero_point.assign(static_cast<size_t>(columns), 0);
  if (const ValueId point = op.node.input(3); point != kNoValue) {
    const Tensor* points = graph.constant(point);
    if (points == nullptr || (points->elements() != 1 && points->elements() != columns)) {
      return std::nullopt;
    }
    for (int64_t i = 0; i < columns; ++i) {
      weights.zero_point[static_cast<size_t>(i)] =
          quantized_element(*points, points->elements() == 1 ? 0 : i);
    }
  }
  LoweredOp made = make_lowered(
      conv ? "QConv" : "QLinear",
      {op.node.inputs[0], op.node.inputs[1], kNoValue, kNoValue, scale_x, dynamic->node.output(2)},
      graph.ops[static_cast<size_t>(last)]);
  made.node.attributes = op.node.attributes;
  made.node.name = op.node.name;
  made.parts = op.parts;
  made.cost = op.cost;
  Quantization x;
  x.dtype = DType::u8;
  made.integer = IntegerForm{{x, std::move(weights)}, {}, false, 0, 0};
  return std::pair(last, std::move(made));
}

}  // namespace

void lower_integer_products(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (graph.ops[i].node.outputs.empty() || graph.ops[i].node.outputs[0] == kNoValue) continue;
    if (auto made = from_qlinear(graph.ops[i], graph)) {
      graph.ops[i] = std::move(*made);
      continue;
    }
    if (auto made = from_dynamic(graph.ops[i], graph, patterns)) {
      graph.ops[static_cast<size_t>(made->first)] = std::move(made->second);
      continue;
    }
    const LoweredOp op = graph.ops[i];
    const auto found = find_candidate(op, graph, patterns);
    if (!found) continue;
    const auto end = find_end(graph, patterns.index(), op.node.outputs[0]);
    const size_t at = end ? static_cast<size_t>(end->last) : i;
    LoweredOp made = make_integer(*found, op, graph.ops[at]);
    if (end) {
      made.integer->output = end->output;
      made.integer->output_quantized = true;
      made.integer->qmin = end->qmin;
      made.integer->qmax = end->qmax;
      made.parts += end->parts;
    }
    graph.ops[at] = std::move(made);
  }
  remove_dead_ops(graph);
}

}  // namespace whittle
