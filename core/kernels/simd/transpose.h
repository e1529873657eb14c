#pragma once

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

}  // namespace whittle::simd
