#pragma once

// 16-bit integer dot products: 8-bit values of A extended to 16 bits, pairs of k multiplied and
// added into 32 bits. Exact for every operand in range, in every engine.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/qstore.h"

namespace whittle::simd {

template <typename W, bool kSignedA>
struct WideDot {
  using Weight = W;
  // 4 x 8: dot and add need a temporary, 6 rows would spill in V8.
  static constexpr size_t kRows = 4;
  static constexpr size_t kGroup = 2;

  // What the sums see instead of the stored zero point.
  static int32_t seen_zero_point(int32_t zero_point) { return zero_point; }

  static v128_t extend(v128_t bytes) {
    return kSignedA ? wasm_i16x8_extend_low_i8x16(bytes) : wasm_u16x8_extend_low_u8x16(bytes);
  }
  static v128_t load_weights(const W* w) {
    if constexpr (sizeof(W) == 1) return wasm_i16x8_load8x8(w);
    return wasm_v128_load(w);
  }

  // Pair kPair of the 8 k values in x.
  template <size_t kPair, size_t kTileRows, size_t kPanels>
  static void step(const v128_t (&x)[kTileRows], const W* const (&w)[kPanels],
                   v128_t (&acc)[kPanels][kTileRows][2]) {
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) {
      const v128_t w0 = load_weights(w[p] + kPair * 16);
      const v128_t w1 = load_weights(w[p] + kPair * 16 + 8);
      WHITTLE_UNROLL
      for (size_t i = 0; i < kTileRows; ++i) {
        const v128_t pair = wasm_i32x4_shuffle(x[i], x[i], kPair, kPair, kPair, kPair);
        acc[p][i][0] = wasm_i32x4_add(acc[p][i][0], wasm_i32x4_dot_i16x8(pair, w0));
        acc[p][i][1] = wasm_i32x4_add(acc[p][i][1], wasm_i32x4_dot_i16x8(pair, w1));
      }
    }
  }

  // Adds one tap: kc values of each row against weights [ceil(kc / 2)][8][2] of each panel.
  template <size_t kTileRows, size_t kPanels>
  static void multiply(const void* const* pointers, const W* (&w)[kPanels], size_t kc,
                       v128_t (&acc)[kPanels][kTileRows][2]) {
    const uint8_t* a[kTileRows];
    WHITTLE_UNROLL
    for (size_t i = 0; i < kTileRows; ++i) a[i] = static_cast<const uint8_t*>(pointers[i]);
    v128_t x[kTileRows];
    for (; kc >= 8; kc -= 8) {
      WHITTLE_UNROLL
      for (size_t i = 0; i < kTileRows; ++i) {
        x[i] = kSignedA ? wasm_i16x8_load8x8(a[i]) : wasm_u16x8_load8x8(a[i]);
        a[i] += 8;
      }
      step<0>(x, w, acc);
      step<1>(x, w, acc);
      step<2>(x, w, acc);
      step<3>(x, w, acc);
      WHITTLE_UNROLL
      for (size_t p = 0; p < kPanels; ++p) w[p] += 64;
    }
    if (kc == 0) return;
    WHITTLE_UNROLL
    for (size_t i = 0; i < kTileRows; ++i) x[i] = extend(load_bytes(a[i], kc));
    step<0>(x, w, acc);
    if (kc > 2) step<1>(x, w, acc);
    if (kc > 4) step<2>(x, w, acc);
    if (kc > 6) step<3>(x, w, acc);
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) w[p] += (kc + 1) / 2 * 16;
  }
};

}  // namespace whittle::simd
