#pragma once

// Four taps of a depthwise kernel column per relaxed dot product.

#include <cstddef>
#include <cstdint>

#include "core/kernels/relaxed/dot_instruction.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/qdwconv.h"

namespace whittle::relaxed {

// See QuadDot for the two parameters.
template <bool kUnsigned, bool kSignedA>
struct QuadDepthwise {
  using Weight = int8_t;
  static constexpr size_t kGroup = 4;
  static constexpr bool kFlip = kUnsigned == kSignedA;

  static int32_t seen_zero_point(int32_t zero_point) {
    if (!kFlip) return zero_point;
    return kSignedA ? zero_point + 128 : zero_point - 128;
  }

  template <typename Load>
  static void accumulate(const Load& load, const int8_t* w, v128_t (&acc)[kDwConvPixels][2]) {
    const v128_t w0 = wasm_v128_load(w);
    const v128_t w1 = wasm_v128_load(w + 16);
    const v128_t flip = simd::kept_i32(static_cast<int32_t>(0x80808080u));
    WHITTLE_UNROLL
    for (size_t j = 0; j < kDwConvPixels; ++j) {
      v128_t x01 = simd::interleave_bytes(load(0, j), load(1, j));
      v128_t x23 = simd::interleave_bytes(load(2, j), load(3, j));
      if constexpr (kFlip) {
        x01 = wasm_v128_xor(x01, flip);
        x23 = wasm_v128_xor(x23, flip);
      }
      const v128_t low = wasm_i16x8_shuffle(x01, x23, 0, 8, 1, 9, 2, 10, 3, 11);
      const v128_t high = wasm_i16x8_shuffle(x01, x23, 4, 12, 5, 13, 6, 14, 7, 15);
      acc[j][0] = relaxed_dot(w0, low, acc[j][0]);
      acc[j][1] = relaxed_dot(w1, high, acc[j][1]);
    }
  }
};

}  // namespace whittle::relaxed
