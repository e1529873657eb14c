#pragma once

// Elementwise kernels of two operands with the broadcasting of BinaryShape.

#include <cstddef>

#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/math.h"

namespace whittle::simd {

// One operand of a row: a vector that moves, or one value repeated.
template <bool kRepeated>
struct RowOperand {
  const float* p;
  v128_t value;

  explicit RowOperand(const float* row) : p(row) {
    if constexpr (kRepeated) value = wasm_v128_load32_splat(row);
  }
  v128_t load(size_t i) const {
    if constexpr (kRepeated) return value;
    return wasm_v128_load(p + i);
  }
  v128_t load_last(size_t i, size_t n) const {
    if constexpr (kRepeated) return value;
    return load_partial(p + i, n);
  }
};

template <typename F, bool kRepeatA, bool kRepeatB>
inline void binary_rows(const float* a, const float* b, float* out, const BinaryShape& s,
                        const F& f) {
  for (size_t o = 0; o < s.outer; ++o) {
    const RowOperand<kRepeatA> x(a + o * s.a_outer);
    const RowOperand<kRepeatB> y(b + o * s.b_outer);
    float* const row = out + o * s.out_outer;
    size_t i = 0;
    for (; i + 8 <= s.inner; i += 8) {
      const v128_t r0 = f(x.load(i), y.load(i));
      const v128_t r1 = f(x.load(i + 4), y.load(i + 4));
      wasm_v128_store(row + i, r0);
      wasm_v128_store(row + i + 4, r1);
    }
    for (; i < s.inner; i += 4) {
      const size_t n = s.inner - i < 4 ? s.inner - i : 4;
      store_partial(row + i, f(x.load_last(i, n), y.load_last(i, n)), n);
    }
  }
}

template <typename F>
void binary(const float* a, const float* b, float* out, const BinaryShape& s) {
  if (s.inner == 0) return;
  const F f;
  if (s.a_inner && s.b_inner) return binary_rows<F, false, false>(a, b, out, s, f);
  if (s.a_inner) return binary_rows<F, false, true>(a, b, out, s, f);
  if (s.b_inner) return binary_rows<F, true, false>(a, b, out, s, f);
  binary_rows<F, true, true>(a, b, out, s, f);
}

struct Add {
  v128_t operator()(v128_t x, v128_t y) const { return wasm_f32x4_add(x, y); }
};

struct Sub {
  v128_t operator()(v128_t x, v128_t y) const { return wasm_f32x4_sub(x, y); }
};

struct Mul {
  v128_t operator()(v128_t x, v128_t y) const { return wasm_f32x4_mul(x, y); }
};

struct Div {
  v128_t operator()(v128_t x, v128_t y) const { return wasm_f32x4_div(x, y); }
};

// wasm's own min and max return NaN when either operand is NaN.
struct Min {
  v128_t operator()(v128_t x, v128_t y) const { return wasm_f32x4_min(x, y); }
};

struct Max {
  v128_t operator()(v128_t x, v128_t y) const { return wasm_f32x4_max(x, y); }
};

struct Prelu {
  v128_t zero = kept_f32(0.0f);
  v128_t operator()(v128_t x, v128_t y) const {
    return select(wasm_f32x4_lt(x, zero), wasm_f32x4_mul(x, y), x);
  }
};

}  // namespace whittle::simd
