#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/tensor/tensor.h"

namespace whittle {

/** x = scale * (q - zero_point). */
struct Affine {
  float scale = 1.0f;
  int32_t zero_point = 0;
};

/** The limits of an 8-bit type. */
struct QLimits {
  int32_t min = 0;
  int32_t max = 255;
};
inline constexpr QLimits kUint8Limits{0, 255};
inline constexpr QLimits kInt8Limits{-128, 127};
/** Symmetric weights leave -128 out, so that the range is the same on both sides of zero. */
inline constexpr QLimits kSymmetricLimits{-127, 127};

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

/** An 8-bit symmetric weight with one scale for each index of `axis`. */
struct QuantizedWeight {
  Tensor values;  // i8, the weight's shape
  Tensor scales;  // f32, [shape[axis]]
  int axis = 0;
  double signal = 0;  // sum of squares of the weight
  double noise = 0;   // sum of squares of the rounding error

  /** 10 log10(signal / noise); 300 when there is no noise. */
  double sqnr_db() const;
};

/**
 * Rounds a float tensor to int8, scale[c] = max |w_c| / 127 for every index c of `axis`, at least
 * min_scales[c] where given (a bias must fit int32). Throws INVALID_MODEL naming `name` when a
 * weight is not finite.
 */
QuantizedWeight quantize_weight(const Tensor& weight, int axis, const std::string& name,
                                std::span<const float> min_scales = {});

}  // namespace whittle
