#pragma once

// Vector exp, log, tanh and erf. Each is a small object that holds its constants in registers
// (see keep()); construct it once outside the loop. Errors are over the whole float range.

#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

inline v128_t select(v128_t mask, v128_t yes, v128_t no) {
  return wasm_v128_bitselect(yes, no, mask);
}

// e^x within 2 ulp, including subnormal results; 0 and infinity where exp is; NaN stays.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by the Cephes polynomial of degree 5; 2^n in two factors, so
// that neither leaves the exponent range.
template <typename Ops>
struct Exp {
  v128_t low = kept_f32(-104.0f);  // e^-104 rounds to 0
  v128_t high = kept_f32(89.0f);   // e^89 overflows
  v128_t log2e = kept_f32(1.44269504088896341f);
  v128_t magic = kept_f32(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  v128_t minus_ln2_high = kept_f32(-0.693359375f);
  v128_t minus_ln2_low = kept_f32(2.12194440e-4f);
  v128_t c5 = kept_f32(1.9875691500e-4f);
  v128_t c4 = kept_f32(1.3981999507e-3f);
  v128_t c3 = kept_f32(8.3334519073e-3f);
  v128_t c2 = kept_f32(4.1665795894e-2f);
  v128_t c1 = kept_f32(1.6666665459e-1f);
  v128_t c0 = kept_f32(5.0000001201e-1f);
  v128_t one = kept_f32(1.0f);

  v128_t operator()(v128_t x) const {
    x = wasm_f32x4_pmin(wasm_f32x4_pmax(x, low), high);
    const v128_t shifted = Ops::madd(x, log2e, magic);
    const v128_t n = wasm_f32x4_sub(shifted, magic);
    v128_t r = Ops::madd(n, minus_ln2_high, x);
    r = Ops::madd(n, minus_ln2_low, r);
    v128_t p = Ops::madd(c5, r, c4);
    p = Ops::madd(p, r, c3);
    p = Ops::madd(p, r, c2);
    p = Ops::madd(p, r, c1);
    p = Ops::madd(p, r, c0);
    p = Ops::madd(p, wasm_f32x4_mul(r, r), wasm_f32x4_add(r, one));
    const v128_t power = wasm_i32x4_sub(shifted, magic);  // n as an integer
    const v128_t half = wasm_i32x4_shr(power, 1);
    const v128_t first = wasm_i32x4_add(wasm_i32x4_shl(half, 23), one);
    const v128_t second = wasm_i32x4_add(wasm_i32x4_shl(wasm_i32x4_sub(power, half), 23), one);
    return wasm_f32x4_mul(wasm_f32x4_mul(p, first), second);
  }
};

// ln x within 2 ulp; -infinity at 0, NaN below, infinity stays. Cephes polynomial of degree 8 on
// [sqrt(1/2), sqrt(2)).
template <typename Ops>
struct Log {
  v128_t zero = kept_f32(0.0f);
  v128_t one = kept_f32(1.0f);
  v128_t min_normal = kept_f32(0x1p-126f);
  v128_t infinity = kept_f32(__builtin_inff());
  v128_t sqrt_half = kept_i32(0x3f3504f3);
  v128_t c0 = kept_f32(7.0376836292e-2f);
  v128_t c1 = kept_f32(-1.1514610310e-1f);
  v128_t c2 = kept_f32(1.1676998740e-1f);
  v128_t c3 = kept_f32(-1.2420140846e-1f);
  v128_t c4 = kept_f32(1.4249322787e-1f);
  v128_t c5 = kept_f32(-1.6668057665e-1f);
  v128_t c6 = kept_f32(2.0000714765e-1f);
  v128_t c7 = kept_f32(-2.4999993993e-1f);
  v128_t c8 = kept_f32(3.3333331174e-1f);
  v128_t minus_half = kept_f32(-0.5f);
  v128_t ln2_high = kept_f32(0.693359375f);
  v128_t ln2_low = kept_f32(-2.12194440e-4f);

  v128_t operator()(v128_t x) const {
    const v128_t tiny = wasm_f32x4_lt(x, min_normal);
    const v128_t scaled = select(tiny, wasm_f32x4_mul(x, wasm_f32x4_splat(0x1p25f)), x);
    // scaled = m * 2^e with m in [sqrt(1/2), sqrt(2)).
    const v128_t offset = wasm_i32x4_sub(scaled, sqrt_half);
    const v128_t exponent = wasm_i32x4_shr(offset, 23);
    const v128_t m = wasm_i32x4_sub(scaled, wasm_i32x4_shl(exponent, 23));
    const v128_t bias = wasm_v128_and(tiny, wasm_f32x4_splat(-25.0f));
    const v128_t e = wasm_f32x4_add(wasm_f32x4_convert_i32x4(exponent), bias);
    const v128_t f = wasm_f32x4_sub(m, one);
    const v128_t z = wasm_f32x4_mul(f, f);
    v128_t p = Ops::madd(c0, f, c1);
    p = Ops::madd(p, f, c2);
    p = Ops::madd(p, f, c3);
    p = Ops::madd(p, f, c4);
    p = Ops::madd(p, f, c5);
    p = Ops::madd(p, f, c6);
    p = Ops::madd(p, f, c7);
    p = Ops::madd(p, f, c8);
    p = wasm_f32x4_mul(wasm_f32x4_mul(p, f), z);
    p = Ops::madd(e, ln2_low, p);
    p = Ops::madd(z, minus_half, p);
    v128_t y = Ops::madd(e, ln2_high, wasm_f32x4_add(f, p));
    y = select(wasm_f32x4_ge(x, infinity), x, y);
    y = select(wasm_f32x4_eq(x, zero), wasm_f32x4_neg(infinity), y);
    // Negative or NaN: 0 / 0.
    return select(wasm_f32x4_ge(x, zero), y, wasm_f32x4_div(zero, zero));
  }
};

// tanh x, absolute error below 4e-7: ratio of odd and even polynomials (the coefficients of Eigen's
// float tanh), exact sign, x itself near 0, exactly +-1 where the polynomials end, so that GELU of
// a large negative number vanishes.
template <typename Ops>
struct Tanh {
  v128_t low = kept_f32(-7.90531110763549805f);
  v128_t high = kept_f32(7.90531110763549805f);
  v128_t tiny = kept_f32(0.0004f);
  v128_t one = kept_f32(1.0f);
  v128_t minus_zero = kept_f32(-0.0f);
  v128_t a13 = kept_f32(-2.76076847742355e-16f);
  v128_t a11 = kept_f32(2.00018790482477e-13f);
  v128_t a9 = kept_f32(-8.60467152213735e-11f);
  v128_t a7 = kept_f32(5.12229709037114e-08f);
  v128_t a5 = kept_f32(1.48572235717979e-05f);
  v128_t a3 = kept_f32(6.37261928875436e-04f);
  v128_t a1 = kept_f32(4.89352455891786e-03f);
  v128_t b6 = kept_f32(1.19825839466702e-06f);
  v128_t b4 = kept_f32(1.18534705686654e-04f);
  v128_t b2 = kept_f32(2.26843463243900e-03f);
  v128_t b0 = kept_f32(4.89352518554385e-03f);

  v128_t operator()(v128_t v) const {
    const v128_t x = wasm_f32x4_pmin(wasm_f32x4_pmax(v, low), high);
    const v128_t x2 = wasm_f32x4_mul(x, x);
    v128_t p = Ops::madd(x2, a13, a11);
    p = Ops::madd(p, x2, a9);
    p = Ops::madd(p, x2, a7);
    p = Ops::madd(p, x2, a5);
    p = Ops::madd(p, x2, a3);
    p = Ops::madd(p, x2, a1);
    v128_t q = Ops::madd(x2, b6, b4);
    q = Ops::madd(q, x2, b2);
    q = Ops::madd(q, x2, b0);
    const v128_t y = wasm_f32x4_div(wasm_f32x4_mul(p, x), q);
    const v128_t size = wasm_f32x4_abs(v);
    const v128_t limit = wasm_v128_or(wasm_v128_and(v, minus_zero), one);
    return select(wasm_f32x4_lt(size, tiny), v, select(wasm_f32x4_ge(size, high), limit, y));
  }
};

// erf x, absolute error below 4e-7: ratio of odd and even polynomials on [-4, 4] (the coefficients
// of Eigen's float erf), exactly +-1 outside, so that GELU of a large negative number vanishes.
template <typename Ops>
struct Erf {
  v128_t low = kept_f32(-4.0f);
  v128_t high = kept_f32(4.0f);
  v128_t a13 = kept_f32(-2.72614225801306e-10f);
  v128_t a11 = kept_f32(2.77068142495902e-08f);
  v128_t a9 = kept_f32(-2.10102402082508e-06f);
  v128_t a7 = kept_f32(-5.69250639462346e-05f);
  v128_t a5 = kept_f32(-7.34990630326855e-04f);
  v128_t a3 = kept_f32(-2.95459980854025e-03f);
  v128_t a1 = kept_f32(-1.60960333262415e-02f);
  v128_t b8 = kept_f32(-1.45660718464996e-05f);
  v128_t b6 = kept_f32(-2.13374055278905e-04f);
  v128_t b4 = kept_f32(-1.68282697438203e-03f);
  v128_t b2 = kept_f32(-7.37332916720468e-03f);
  v128_t b0 = kept_f32(-1.42647390514189e-02f);
  v128_t quarter = kept_f32(0.25f);

  v128_t operator()(v128_t v) const {
    const v128_t x = wasm_f32x4_pmin(wasm_f32x4_pmax(v, low), high);
    const v128_t x2 = wasm_f32x4_mul(x, x);
    v128_t p = Ops::madd(x2, a13, a11);
    p = Ops::madd(p, x2, a9);
    p = Ops::madd(p, x2, a7);
    p = Ops::madd(p, x2, a5);
    p = Ops::madd(p, x2, a3);
    p = Ops::madd(p, x2, a1);
    v128_t q = Ops::madd(x2, b8, b6);
    q = Ops::madd(q, x2, b4);
    q = Ops::madd(q, x2, b2);
    q = Ops::madd(q, x2, b0);
    const v128_t y = wasm_f32x4_div(wasm_f32x4_mul(p, x), q);
    const v128_t outside = wasm_f32x4_ge(wasm_f32x4_abs(v), high);
    return select(outside, wasm_f32x4_mul(x, quarter), y);
  }
};

// 1 / (1 + e^-x), absolute error below 2e-7, by e^-|x| so that nothing overflows.
template <typename Ops>
struct Sigmoid {
  Exp<Ops> exp;
  v128_t zero = kept_f32(0.0f);

  v128_t operator()(v128_t x) const {
    const v128_t z = exp(wasm_f32x4_neg(wasm_f32x4_abs(x)));
    const v128_t r = wasm_f32x4_div(z, wasm_f32x4_add(z, exp.one));
    return select(wasm_f32x4_lt(x, zero), r, wasm_f32x4_sub(exp.one, r));
  }
};

}  // namespace whittle::simd
