#include "core/ops/support/dynamic_range.h"

#include <algorithm>
#include <cmath>

namespace whittle {

DynamicRange dynamic_range(std::span<const float> values) {
  float min = 0.0f;
  float max = 0.0f;
  for (float value : values) {
    // A NaN compares false and is skipped.
    if (value < min) min = value;
    if (value > max) max = value;
  }
  DynamicRange range;
  range.scale = (max - min) / 255.0f;
  if (range.scale == 0.0f) range.scale = 1.0f;
  // Infinities in the values make this a NaN: then there is no good answer, and 0 is a valid one.
  const float zero = std::nearbyint(0.0f - min / range.scale);
  if (zero > 0.0f) range.zero_point = static_cast<int32_t>(std::min(zero, 255.0f));
  return range;
}

}  // namespace whittle
