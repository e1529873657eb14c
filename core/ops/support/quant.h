#pragma once

#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** The values a quantized type holds. */
struct QRange {
  int32_t min = 0;
  int32_t max = 0;
};
/** Of u2, i2, u4, i4, u8, i8, u16, i16, i32; throws UNSUPPORTED_TYPE naming the node for others. */
QRange quantized_range(DType dtype, const Node& node);

/** clamp(round_half_even(value) + zero_point, range.min, range.max); a NaN becomes range.min. */
int32_t saturate(float value, int32_t zero_point, const QRange& range);

/** The integers of a quantized tensor, and their way back. */
std::vector<int32_t> load_quantized(const Tensor& tensor, const Node& node);
void store_quantized(Tensor& tensor, int64_t index, int32_t value);

/** Which scale (and zero point) belongs to which element of a tensor: one for all, one for each
 * index of an axis, or one for each block along the axis. */
struct QuantLayout {
  int64_t outer = 1;
  int64_t axis = 1;
  int64_t inner = 1;
  int64_t block = 1;     // elements of the axis that share a scale
  int64_t blocks = 1;    // scales along the axis
  bool blocked = false;  // scales also differ by outer and inner position
  bool per_tensor = true;

  /** Index into the scales for element (o, a, i). */
  int64_t scale_index(int64_t o, int64_t a, int64_t i) const {
    if (per_tensor) return 0;
    return blocked ? (o * blocks + a / block) * inner + i : a;
  }
};
/** From attributes axis (default 1) and block_size and the shapes of the tensor and its scales.
 * Throws SHAPE_MISMATCH when they do not fit. */
QuantLayout quant_layout(const Node& node, const Shape& shape, const Shape& scales);

/** Input i as a scalar f32 scale, and as a scalar zero point (0 when absent). */
float scalar_scale(const EvalContext& context, size_t i);
int32_t scalar_zero_point(const EvalContext& context, size_t i);
/** Input i as one scale or one zero point for each of `count` channels: a single element is
 * repeated, an absent zero point is 0. Throws SHAPE_MISMATCH for other sizes. */
std::vector<float> channel_scales(const EvalContext& context, size_t i, int64_t count);
std::vector<int32_t> channel_zero_points(const EvalContext& context, size_t i, int64_t count);

/** values[c * inner + i] - zero_points[c] for each channel c, modulo 2^32, repeated for `outer`. */
std::vector<uint32_t> centred(const Tensor& tensor, const std::vector<int32_t>& zero_points,
                              int64_t outer, int64_t inner, const Node& node);

}  // namespace whittle
