#pragma once

// Sums and maxima over contiguous floats.

#include <cstddef>

#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

inline float horizontal_sum(v128_t v) {
  v = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1);
}

// sum of f(x[i]). Blocks bound the length of the chains of additions, and so their error.
template <typename F>
inline float sum_of(const float* x, size_t n, const F& f) {
  constexpr size_t kBlock = 2048;
  const v128_t zero = wasm_f32x4_splat(0.0f);
  v128_t total = zero;
  while (n >= 16) {
    v128_t s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    size_t block = n < kBlock ? n / 16 * 16 : kBlock;
    n -= block;
    for (; block > 0; block -= 16, x += 16) {
      s0 = wasm_f32x4_add(s0, f(wasm_v128_load(x)));
      s1 = wasm_f32x4_add(s1, f(wasm_v128_load(x + 4)));
      s2 = wasm_f32x4_add(s2, f(wasm_v128_load(x + 8)));
      s3 = wasm_f32x4_add(s3, f(wasm_v128_load(x + 12)));
    }
    total = wasm_f32x4_add(total, wasm_f32x4_add(wasm_f32x4_add(s0, s1), wasm_f32x4_add(s2, s3)));
  }
  for (; n >= 4; n -= 4, x += 4) total = wasm_f32x4_add(total, f(wasm_v128_load(x)));
  float sum = horizontal_sum(total);
  for (; n > 0; --n, ++x) sum += wasm_f32x4_extract_lane(f(wasm_v128_load32_splat(x)), 0);
  return sum;
}

// Greatest value by select(best, x), which names the rule for NaN; n > 0.
template <typename Select>
inline float select_of(const float* x, size_t n, const Select& better) {
  if (n < 4) {
    v128_t best = wasm_v128_load32_splat(x);
    for (size_t i = 1; i < n; ++i) best = better(best, wasm_v128_load32_splat(x + i));
    return wasm_f32x4_extract_lane(best, 0);
  }
  v128_t b0 = wasm_v128_load(x);
  v128_t b1 = b0;
  size_t i = 4;
  for (; i + 8 <= n; i += 8) {
    b0 = better(b0, wasm_v128_load(x + i));
    b1 = better(b1, wasm_v128_load(x + i + 4));
  }
  for (; i + 4 <= n; i += 4) b0 = better(b0, wasm_v128_load(x + i));
  b0 = better(b0, wasm_v128_load(x + n - 4));  // overlaps: harmless for a maximum
  b0 = better(b0, b1);
  b0 = better(b0, wasm_i32x4_shuffle(b0, b0, 2, 3, 0, 1));
  b0 = better(b0, wasm_i32x4_shuffle(b0, b0, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(b0, 0);
}

}  // namespace whittle::simd
