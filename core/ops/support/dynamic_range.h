#pragma once

#include <cstdint>
#include <span>

namespace whittle {

/** Parameters of a dynamic u8 quantization. */
struct DynamicRange {
  float scale = 1.0f;
  int32_t zero_point = 0;
};

/**
 * As DynamicQuantizeLinear defines it, in f32, over [min, max] of the values and 0:
 *   scale = (max - min) / 255, or 1 when all values are 0
 *   zero_point = round_half_even(clamp(0 - min / scale, 0, 255))
 */
DynamicRange dynamic_range(std::span<const float> values);

}  // namespace whittle
