#pragma once

// The relaxed 8-bit dot product: four products of signed weights with bytes of A per 32-bit lane.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/kernels/relaxed/dot_instruction.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::relaxed {

// Exact where the engine takes the bytes of A as kUnsigned says. A of the other signedness is
// shifted by 128 (the top bit flipped), and so is its zero point.
template <bool kUnsigned, bool kSignedA>
struct QuadDot {
  using Weight = int8_t;
  // 12 accumulators, two weights and one value fill V8's 15 registers.
  static constexpr size_t kRows = 6;
  static constexpr size_t kGroup = 4;
  static constexpr bool kFlip = kUnsigned == kSignedA;

  static int32_t seen_zero_point(int32_t zero_point) {
    if (!kFlip) return zero_point;
    return kSignedA ? zero_point + 128 : zero_point - 128;
  }

  // Four k values at a[i] + kStep * 4.
  template <size_t kStep, size_t kTileRows, size_t kPanels>
  static void step(const uint8_t* const (&a)[kTileRows], const int8_t* const (&w)[kPanels],
                   v128_t flip, v128_t (&acc)[kPanels][kTileRows][2]) {
    v128_t weights[kPanels][2];
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) {
      weights[p][0] = wasm_v128_load(w[p] + kStep * 32);
      weights[p][1] = wasm_v128_load(w[p] + kStep * 32 + 16);
    }
    WHITTLE_UNROLL
    for (size_t i = 0; i < kTileRows; ++i) {
      v128_t x = wasm_v128_load32_splat(a[i] + kStep * 4);
      if constexpr (kFlip) x = wasm_v128_xor(x, flip);
      WHITTLE_UNROLL
      for (size_t p = 0; p < kPanels; ++p) {
        acc[p][i][0] = relaxed_dot(weights[p][0], x, acc[p][i][0]);
        acc[p][i][1] = relaxed_dot(weights[p][1], x, acc[p][i][1]);
      }
    }
  }

  // Adds one tap: kc values of each row against weights [ceil(kc / 4)][8][4] of each panel.
  template <size_t kTileRows, size_t kPanels>
  static void multiply(const void* const* pointers, const int8_t* (&w)[kPanels], size_t kc,
                       v128_t (&acc)[kPanels][kTileRows][2]) {
    const v128_t flip = simd::kept_i32(static_cast<int32_t>(0x80808080u));
    const uint8_t* a[kTileRows];
    WHITTLE_UNROLL
    for (size_t i = 0; i < kTileRows; ++i) a[i] = static_cast<const uint8_t*>(pointers[i]);
    for (; kc >= 16; kc -= 16) {
      step<0>(a, w, flip, acc);
      step<1>(a, w, flip, acc);
      step<2>(a, w, flip, acc);
      step<3>(a, w, flip, acc);
      advance(a, 16);
      advance(w, 128);
    }
    for (; kc >= 4; kc -= 4) {
      step<0>(a, w, flip, acc);
      advance(a, 4);
      advance(w, 32);
    }
    if (kc == 0) return;
    // The weights past kc are zero; the values are read one by one to stay inside the row.
    uint8_t last[kTileRows][4] = {};
    const uint8_t* rows[kTileRows];
    for (size_t i = 0; i < kTileRows; ++i) {
      for (size_t k = 0; k < kc; ++k) last[i][k] = a[i][k];
      rows[i] = last[i];
    }
    step<0>(rows, w, flip, acc);
    advance(w, 32);
  }

 private:
  template <typename T, size_t n>
  static void advance(const T* (&pointers)[n], size_t by) {
    WHITTLE_UNROLL
    for (size_t i = 0; i < n; ++i) pointers[i] += by;
  }
};

}  // namespace whittle::relaxed
