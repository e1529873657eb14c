#pragma once

// Stores of a row of 8 sums, and the float epilogue.

#include <cstddef>

#include "core/kernels/kernel_table.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

// Clamp that lets NaN through: pmax(v, lo) is v < lo ? lo : v.
inline v128_t clamp(v128_t v, v128_t low, v128_t high) {
  return wasm_f32x4_pmin(wasm_f32x4_pmax(v, low), high);
}

// Loads or stores the first n of 4 floats, 0 < n <= 4, touching no others.
inline v128_t load_partial(const float* p, size_t n) {
  switch (n) {
    case 1:
      return wasm_v128_load32_zero(p);
    case 2:
      return wasm_v128_load64_zero(p);
    case 3:
      return wasm_v128_load32_lane(p + 2, wasm_v128_load64_zero(p), 2);
    default:
      return wasm_v128_load(p);
  }
}

inline void store_partial(float* p, v128_t v, size_t n) {
  switch (n) {
    case 1:
      wasm_v128_store32_lane(p, v, 0);
      return;
    case 2:
      wasm_v128_store64_lane(p, v, 0);
      return;
    case 3:
      wasm_v128_store64_lane(p, v, 0);
      wasm_v128_store32_lane(p + 2, v, 2);
      return;
    default:
      wasm_v128_store(p, v);
  }
}

// The part of FloatEpilogue that runs in registers; `unary` runs over finished rows.
class EpilogueStore {
 public:
  EpilogueStore(const FloatEpilogue& epilogue, float* c, size_t ldc)
      : low_(wasm_f32x4_splat(epilogue.min)),
        high_(wasm_f32x4_splat(epilogue.max)),
        residual_(epilogue.residual),
        ld_residual_(epilogue.ld_residual),
        c_(c),
        ldc_(ldc) {}

  // Stores sums of `row` at column col; `count` columns exist from there on, any number above 0.
  void store8(size_t row, size_t col, size_t count, v128_t v0, v128_t v1) const {
    store4(row, col, count, v0);
    if (count > 4) store4(row, col + 4, count - 4, v1);
  }

  void store4(size_t row, size_t col, size_t count, v128_t v) const {
    float* const out = c_ + row * ldc_ + col;
    if (count >= 4) {
      if (residual_) v = wasm_f32x4_add(v, wasm_v128_load(residual_ + row * ld_residual_ + col));
      wasm_v128_store(out, clamp(v, low_, high_));
    } else {
      if (residual_) {
        v = wasm_f32x4_add(v, load_partial(residual_ + row * ld_residual_ + col, count));
      }
      store_partial(out, clamp(v, low_, high_), count);
    }
  }

 private:
  v128_t low_;
  v128_t high_;
  const float* residual_;
  size_t ld_residual_;
  float* c_;
  size_t ldc_;
};

}  // namespace whittle::simd
