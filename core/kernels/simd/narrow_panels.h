#pragma once

// Panels whose weights are stored in 16 or 8 bits and widened to float: in registers when one row
// of A uses them, once into scratch when several do. Both ways give the same bits.

#include <cstddef>
#include <cstdint>

#include "core/kernels/simd/float_tile.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

// Widens binary16. Multiplying by 2^112 rebiases the exponent and normalises subnormals exactly;
// infinity and NaN get their exponent back.
struct HalfWidener {
  v128_t mask = kept_i32(static_cast<int32_t>(0x8fffe000u));
  v128_t rebias = kept_f32(0x1p112f);
  v128_t largest = kept_f32(65504.0f);
  v128_t exponent = kept_i32(0x7f800000);

  // 4 values, sign-extended to 32 bits.
  v128_t widen(v128_t extended) const {
    const v128_t bits = wasm_v128_and(wasm_i32x4_shl(extended, 13), mask);
    const v128_t value = wasm_f32x4_mul(bits, rebias);
    const v128_t special = wasm_f32x4_gt(wasm_f32x4_abs(value), largest);
    return wasm_v128_or(value, wasm_v128_and(special, exponent));
  }
};

// Reads panels of WeightKind::f16.
struct PanelF16 {
  static constexpr size_t kColumns = 8;

  const uint16_t* weights;
  v128_t bias0;
  v128_t bias1;
  HalfWidener half;

  explicit PanelF16(const void* panel) {
    const float* const header = static_cast<const float*>(panel);
    bias0 = wasm_v128_load(header);
    bias1 = wasm_v128_load(header + 4);
    weights = reinterpret_cast<const uint16_t*>(header + kColumns);
  }
  template <size_t k>
  void load(v128_t* w0, v128_t* w1) const {
    const v128_t bits = wasm_v128_load(weights + k * kColumns);
    *w0 = half.widen(wasm_i32x4_extend_low_i16x8(bits));
    *w1 = half.widen(wasm_i32x4_extend_high_i16x8(bits));
  }
  void advance(size_t k) { weights += k * kColumns; }
};

// Reads panels of WeightKind::s8: float(q - zero_point) * scale.
struct PanelS8 {
  static constexpr size_t kColumns = 8;

  const int8_t* weights;
  v128_t bias0;
  v128_t bias1;
  v128_t scale0;
  v128_t scale1;
  v128_t zero;  // 8 x i16

  explicit PanelS8(const void* panel) {
    const float* const header = static_cast<const float*>(panel);
    bias0 = wasm_v128_load(header);
    bias1 = wasm_v128_load(header + 4);
    scale0 = wasm_v128_load(header + 8);
    scale1 = wasm_v128_load(header + 12);
    zero = wasm_i16x8_narrow_i32x4(wasm_v128_load(header + 16), wasm_v128_load(header + 20));
    weights = reinterpret_cast<const int8_t*>(header + 3 * kColumns);
  }
  template <size_t k>
  void load(v128_t* w0, v128_t* w1) const {
    const v128_t q = wasm_i16x8_sub(wasm_i16x8_load8x8(weights + k * kColumns), zero);
    *w0 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(q)), scale0);
    *w1 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(q)), scale1);
  }
  void advance(size_t k) { weights += k * kColumns; }
};

// Rewrites one panel as PanelF32 reads it.
template <typename Panel>
inline void widen_panel(const void* packed, size_t k, float* out) {
  Panel panel(packed);
  wasm_v128_store(out, panel.bias0);
  wasm_v128_store(out + 4, panel.bias1);
  for (size_t i = 0; i < k; ++i) {
    out += 8;
    v128_t w0, w1;
    panel.template load<0>(&w0, &w1);
    wasm_v128_store(out, w0);
    wasm_v128_store(out + 4, w1);
    panel.advance(1);
  }
}

}  // namespace whittle::simd
