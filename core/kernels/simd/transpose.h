#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

// v[j][i] becomes v[i][j], 32-bit lanes.
inline void transpose4x4(v128_t (&v)[4]) {
  const v128_t ab_low = wasm_i32x4_shuffle(v[0], v[1], 0, 4, 1, 5);
  const v128_t ab_high = wasm_i32x4_shuffle(v[0], v[1], 2, 6, 3, 7);
  const v128_t cd_low = wasm_i32x4_shuffle(v[2], v[3], 0, 4, 1, 5);
  const v128_t cd_high = wasm_i32x4_shuffle(v[2], v[3], 2, 6, 3, 7);
  v[0] = wasm_i64x2_shuffle(ab_low, cd_low, 0, 2);
  v[1] = wasm_i64x2_shuffle(ab_low, cd_low, 1, 3);
  v[2] = wasm_i64x2_shuffle(ab_high, cd_high, 0, 2);
  v[3] = wasm_i64x2_shuffle(ab_high, cd_high, 1, 3);
}

// Loads 8 rows of 8 bytes, `stride` apart, as columns: v[i] holds columns 2i and 2i + 1.
inline void load_transposed8x8(const uint8_t* x, size_t stride, v128_t (&v)[4]) {
  v128_t pairs[4];  // bytes of two rows alternating
  for (size_t i = 0; i < 4; ++i) {
    pairs[i] = wasm_i8x16_shuffle(wasm_v128_load64_zero(x + 2 * i * stride),
                                  wasm_v128_load64_zero(x + (2 * i + 1) * stride), 0, 16, 1, 17, 2,
                                  18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  const v128_t low03 = wasm_i16x8_shuffle(pairs[0], pairs[1], 0, 8, 1, 9, 2, 10, 3, 11);
  const v128_t low47 = wasm_i16x8_shuffle(pairs[0], pairs[1], 4, 12, 5, 13, 6, 14, 7, 15);
  const v128_t high03 = wasm_i16x8_shuffle(pairs[2], pairs[3], 0, 8, 1, 9, 2, 10, 3, 11);
  const v128_t high47 = wasm_i16x8_shuffle(pairs[2], pairs[3], 4, 12, 5, 13, 6, 14, 7, 15);
  v[0] = wasm_i32x4_shuffle(low03, high03, 0, 4, 1, 5);
  v[1] = wasm_i32x4_shuffle(low03, high03, 2, 6, 3, 7);
  v[2] = wasm_i32x4_shuffle(low47, high47, 0, 4, 1, 5);
  v[3] = wasm_i32x4_shuffle(low47, high47, 2, 6, 3, 7);
}

}  // namespace whittle::simd
