#include "core/runtime/lower/quantization.h"

#include <cmath>

namespace whittle {
namespace {

bool is_8_bit(DType dtype) {
  return dtype == DType::u8 || dtype == DType::i8;
}

}  // namespace

std::optional<Quantization> quantization_of(const LoweredGraph& graph, ValueId scale,
                                            ValueId zero_point, DType dtype, int64_t count) {
  const Tensor* scales = graph.constant(scale);
  if (!is_8_bit(dtype) || scales == nullptr || scales->dtype() != DType::f32) return std::nullopt;
  if (scales->elements() != 1 && scales->elements() != count) return std::nullopt;
  Quantization made;
  made.dtype = dtype;
  const auto values = scales->data<float>();
  made.scale.assign(values.begin(), values.end());
  made.zero_point.assign(values.size(), 0);
  if (zero_point != kNoValue) {
    const Tensor* points = graph.constant(zero_point);
    if (points == nullptr || points->elements() != scales->elements()) return std::nullopt;
    for (int64_t i = 0; i < points->elements(); ++i) {
      made.zero_point[static_cast<size_t>(i)] = quantized_element(*points, i);
    }
  }
  if (count > 1 && made.scale.size() == 1) {
    // resize, not assign: the value must not lie in the vector that assign overwrites.
    made.scale.resize(static_cast<size_t>(count), float{made.scale[0]});
    made.zero_point.resize(static_cast<size_t>(count), int32_t{made.zero_point[0]});
  }
  return made;
}

std::optional<Quantized> quantized_input(const LoweredGraph& graph, const Patterns& patterns,
                                         ValueId id) {
  const LoweredOp* op = patterns.made_by(id, "DequantizeLinear");
  if (op == nullptr || !is_f32(graph, id)) return std::nullopt;
  const ValueId q = op->node.inputs[0];
  auto quantization =
      quantization_of(graph, op->node.inputs[1], op->node.input(2), graph.value(q).dtype);
  if (!quantization) return std::nullopt;
  return Quantized{q, std::move(*quantization)};
}

std::optional<Quantization> quantizes(const LoweredGraph& graph, const LoweredOp& op) {
  if (!op.node.is("QuantizeLinear") || !is_f32(graph, op.node.inputs[0])) return std::nullopt;
  return quantization_of(graph, op.node.inputs[1], op.node.input(2),
                         graph.value(op.node.outputs[0]).dtype);
}

std::optional<Quantized> quantized_weights(const LoweredGraph& graph, const Patterns& patterns,
                                           ValueId id, int axis) {
  const LoweredOp* op = patterns.made_by(id, "DequantizeLinear");
  if (op == nullptr || !is_f32(graph, id) || op->node.int_attribute("block_size", 0) != 0) {
    return std::nullopt;
  }
  const Tensor* q = graph.constant(op->node.inputs[0]);
  const Tensor* scale = graph.constant(op->node.inputs[1]);
  if (q == nullptr || scale == nullptr || axis >= q->shape().rank()) return std::nullopt;
  const int stated = q->shape().rank() == 0 ? 0
                                            : normalize_axis(op->node.int_attribute("axis", 1),
                                                             q->shape().rank(), op->node.label());
  if (scale->elements() != 1 && stated != axis) return std::nullopt;
  auto quantization =
      quantization_of(graph, op->node.inputs[1], op->node.input(2), q->dtype(), q->shape()[axis]);
  if (!quantization) return std::nullopt;
  return Quantized{op->node.inputs[0], std::move(*quantization)};
}

int32_t type_min(DType dtype) {
  return dtype == DType::i8 ? -128 : 0;
}
int32_t type_max(DType dtype) {
  return dtype == DType::i8 ? 127 : 255;
}

int32_t quantize_value(float x, const Quantization& quantization) {
  const float scaled = std::nearbyint(x / quantization.scale[0]);
  const auto low = static_cast<float>(type_min(quantization.dtype));
  const auto high = static_cast<float>(type_max(quantization.dtype));
  const float shifted = scaled + static_cast<float>(quantization.zero_point[0]);
  if (!(shifted > low)) return type_min(quantization.dtype);
  return static_cast<int32_t>(std::min(shifted, high));
}

float dequantize_value(int32_t q, const Quantization& quantization) {
  return static_cast<float>(q - quantization.zero_point[0]) * quantization.scale[0];
}

int32_t quantized_element(const Tensor& tensor, int64_t index) {
  const auto at = static_cast<size_t>(index);
  switch (tensor.dtype()) {
    case DType::i8:
      return tensor.data<int8_t>()[at];
    case DType::u8:
      return tensor.data<uint8_t>()[at];
    case DType::i32:
      return tensor.data<int32_t>()[at];
    default:
      fail(Code::TYPE_MISMATCH, "zero point", "Expected an 8-bit or int32 zero point but received ",
           dtype_name(tensor.dtype()));
  }
}

LoweredOp make_lookup(LoweredGraph& graph, ValueId x, const Tensor& table, const LoweredOp& last) {
  const std::string name = graph.value(last.node.outputs[0]).name + "/table";
  return make_lowered("Lookup", {x, graph.add_constant(name, table)}, last);
}

}  // namespace whittle
