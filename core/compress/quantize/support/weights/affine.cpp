#include "core/compress/quantize/support/weights/affine.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace whittle {

Affine affine_of_range(float min, float max, QLimits limits) {
  min = std::min(min, 0.0f);
  max = std::max(max, 0.0f);
  // In double, because the width of the range may exceed the largest float.
  const double width = static_cast<double>(max) - static_cast<double>(min);
  const float scale = static_cast<float>(width / (limits.max - limits.min));
  if (scale < FLT_MIN) return {1.0f, std::clamp(0, limits.min, limits.max)};
  const float zero = std::nearbyint(static_cast<float>(limits.min) - min / scale);
  const float low = static_cast<float>(limits.min);
  const float high = static_cast<float>(limits.max);
  return {scale, static_cast<int32_t>(std::clamp(zero, low, high))};
}

int32_t quantize(float x, Affine affine, QLimits limits) {
  const float q = std::nearbyint(x / affine.scale) + static_cast<float>(affine.zero_point);
  return static_cast<int32_t>(
      std::clamp(q, static_cast<float>(limits.min), static_cast<float>(limits.max)));
}

}  // namespace whittle
