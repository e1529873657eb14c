#pragma once

#include <optional>

#include "core/runtime/lower/patterns.h"

namespace whittle {

/** Scale and zero point from constant inputs, for 8-bit elements of `dtype`. nullopt when they are
 * not constant or not one (`count` 1) or `count` f32 scales. */
std::optional<Quantization> quantization_of(const LoweredGraph& graph, ValueId scale,
                                            ValueId zero_point, DType dtype, int64_t count = 1);

/** A float value that is DequantizeLinear of an 8-bit value with one constant scale. */
struct Quantized {
  ValueId value = kNoValue;
  Quantization quantization;
};
std::optional<Quantized> quantized_input(const LoweredGraph& graph, const Patterns& patterns,
                                         ValueId id);
/** Parameters of an op that is QuantizeLinear to 8 bits with one constant scale. */
std::optional<Quantization> quantizes(const LoweredGraph& graph, const LoweredOp& op);

/** Constant 8-bit weights behind DequantizeLinear, one scale or one for each index of `axis`;
 * expanded to one for each of the `axis` positions. */
std::optional<Quantized> quantized_weights(const LoweredGraph& graph, const Patterns& patterns,
                                           ValueId id, int axis);

/** q = clamp(round_half_even(x / scale) + zero_point) within the type. */
int32_t quantize_value(float x, const Quantization& quantization);
float dequantize_value(int32_t q, const Quantization& quantization);
int32_t type_min(DType dtype);
int32_t type_max(DType dtype);

/** Reads q = 8-bit element `index` of a tensor. */
int32_t quantized_element(const Tensor& tensor, int64_t index);

/** y = table[x], entry i for the byte i. */
LoweredOp make_lookup(LoweredGraph& graph, ValueId x, const Tensor& table, const LoweredOp& last);

}  // namespace whittle
