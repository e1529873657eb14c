#pragma once

#include <cstdint>

namespace whittle {

/** x = scale * (q - zero_point). */
struct Affine {
  float scale = 1.0f;
  int32_t zero_point = 0;

  bool operator==(const Affine&) const = default;
};

/** The limits of an 8-bit type. */
struct QLimits {
  int32_t min = 0;
  int32_t max = 255;
};
inline constexpr QLimits kUint8Limits{0, 255};
inline constexpr QLimits kInt8Limits{-128, 127};

/**
 * scale = (max - min) / (qmax - qmin), zero_point = round(qmin - min / scale) clamped, over the
 * range widened to hold zero, so that zero is exact. An empty range (all zero) gives scale 1 and
 * the zero point nearest to zero. Bounds must be finite.
 */
Affine affine_of_range(float min, float max, QLimits limits);

/** clamp(round_half_even(x / scale) + zero_point). */
int32_t quantize(float x, Affine affine, QLimits limits);
inline float dequantize(int32_t q, Affine affine) {
  return affine.scale * static_cast<float>(q - affine.zero_point);
}

}  // namespace whittle
