#pragma once

// The loop of elementwise kernels and the formulas of UnaryKind.

#include <cstddef>

#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/math.h"

namespace whittle::simd {

// y = f(x), two vectors at a time to hide latency; exactly in place is allowed.
template <typename F>
inline void map_floats(const float* x, float* y, size_t n, const F& f) {
  for (; n >= 8; n -= 8, x += 8, y += 8) {
    const v128_t v0 = wasm_v128_load(x);
    const v128_t v1 = wasm_v128_load(x + 4);
    wasm_v128_store(y, f(v0));
    wasm_v128_store(y + 4, f(v1));
  }
  for (; n > 0; n -= n < 4 ? n : 4, x += 4, y += 4) {
    store_partial(y, f(load_partial(x, n < 4 ? n : 4)), n < 4 ? n : 4);
  }
}

// Each functor is constructed from the parameters once per call, with its constants in registers.

struct Abs {
  explicit Abs(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_abs(v); }
};

struct Neg {
  explicit Neg(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_neg(v); }
};

struct Sqrt {
  explicit Sqrt(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_sqrt(v); }
};

struct Reciprocal {
  v128_t one = kept_f32(1.0f);
  explicit Reciprocal(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_div(one, v); }
};

struct Relu {
  v128_t zero = kept_f32(0.0f);
  explicit Relu(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_pmax(v, zero); }
};

struct LeakyRelu {
  v128_t alpha;
  v128_t zero = kept_f32(0.0f);
  explicit LeakyRelu(const UnaryParams& p) : alpha(kept_f32(p.alpha)) {}
  v128_t operator()(v128_t v) const {
    return select(wasm_f32x4_lt(v, zero), wasm_f32x4_mul(v, alpha), v);
  }
};

struct Clip {
  v128_t low;
  v128_t high;
  explicit Clip(const UnaryParams& p) : low(kept_f32(p.alpha)), high(kept_f32(p.beta)) {}
  v128_t operator()(v128_t v) const { return clamp(v, low, high); }
};

struct HardSigmoid {
  v128_t alpha;
  v128_t beta;
  v128_t zero = kept_f32(0.0f);
  v128_t one = kept_f32(1.0f);
  explicit HardSigmoid(const UnaryParams& p) : alpha(kept_f32(p.alpha)), beta(kept_f32(p.beta)) {}
  v128_t operator()(v128_t v) const {
    return clamp(wasm_f32x4_add(wasm_f32x4_mul(v, alpha), beta), zero, one);
  }
};

struct HardSwish {
  HardSigmoid gate{UnaryParams{1.0f / 6.0f, 0.5f}};
  explicit HardSwish(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_mul(v, gate(v)); }
};

struct Floor {
  explicit Floor(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_floor(v); }
};

struct Ceil {
  explicit Ceil(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_ceil(v); }
};

struct RoundHalfEven {
  explicit RoundHalfEven(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_nearest(v); }
};

struct Square {
  explicit Square(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_mul(v, v); }
};

struct Softsign {
  v128_t one = kept_f32(1.0f);
  explicit Softsign(const UnaryParams&) {}
  v128_t operator()(v128_t v) const {
    return wasm_f32x4_div(v, wasm_f32x4_add(one, wasm_f32x4_abs(v)));
  }
};

template <typename Ops>
struct ExpKernel {
  Exp<Ops> exp;
  explicit ExpKernel(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return exp(v); }
};

template <typename Ops>
struct LogKernel {
  Log<Ops> log;
  explicit LogKernel(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return log(v); }
};

// v < 0 ? alpha * (e^(v * inverse) - 1) : v, times gamma: elu, celu and selu.
template <typename Ops>
struct EluFamily {
  Exp<Ops> exp;
  v128_t zero = kept_f32(0.0f);
  v128_t alpha;
  v128_t inverse;
  v128_t gamma;
  EluFamily(float a, float i, float g)
      : alpha(kept_f32(a)), inverse(kept_f32(i)), gamma(kept_f32(g)) {}
  v128_t operator()(v128_t v) const {
    const v128_t e = wasm_f32x4_sub(exp(wasm_f32x4_mul(v, inverse)), exp.one);
    return wasm_f32x4_mul(select(wasm_f32x4_lt(v, zero), wasm_f32x4_mul(alpha, e), v), gamma);
  }
};

template <typename Ops>
struct Elu : EluFamily<Ops> {
  explicit Elu(const UnaryParams& p) : EluFamily<Ops>(p.alpha, 1.0f, 1.0f) {}
};

template <typename Ops>
struct Celu : EluFamily<Ops> {
  explicit Celu(const UnaryParams& p) : EluFamily<Ops>(p.alpha, 1.0f / p.alpha, 1.0f) {}
};

template <typename Ops>
struct Selu : EluFamily<Ops> {
  explicit Selu(const UnaryParams& p) : EluFamily<Ops>(p.alpha, 1.0f, p.beta) {}
};

template <typename Ops>
struct SigmoidKernel {
  Sigmoid<Ops> sigmoid;
  explicit SigmoidKernel(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return sigmoid(v); }
};

template <typename Ops>
struct Silu {
  Sigmoid<Ops> sigmoid;
  v128_t alpha;
  explicit Silu(const UnaryParams& p) : alpha(kept_f32(p.alpha)) {}
  v128_t operator()(v128_t v) const { return wasm_f32x4_mul(v, sigmoid(wasm_f32x4_mul(v, alpha))); }
};

template <typename Ops>
struct TanhKernel {
  Tanh<Ops> tanh;
  explicit TanhKernel(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return tanh(v); }
};

template <typename Ops>
struct ErfKernel {
  Erf<Ops> erf;
  explicit ErfKernel(const UnaryParams&) {}
  v128_t operator()(v128_t v) const { return erf(v); }
};

// v / 2 * (1 + erf(v / sqrt 2))
template <typename Ops>
struct GeluErf {
  Erf<Ops> erf;
  v128_t sqrt_half = kept_f32(0.70710678118654752f);
  v128_t half = kept_f32(0.5f);
  explicit GeluErf(const UnaryParams&) {}
  v128_t operator()(v128_t v) const {
    const v128_t h = wasm_f32x4_mul(v, half);
    return Ops::madd(h, erf(wasm_f32x4_mul(v, sqrt_half)), h);
  }
};

// v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3)))
template <typename Ops>
struct GeluTanh {
  Tanh<Ops> tanh;
  v128_t c1 = kept_f32(0.79788456080286536f);
  v128_t c3 = kept_f32(0.79788456080286536f * 0.044715f);
  v128_t half = kept_f32(0.5f);
  explicit GeluTanh(const UnaryParams&) {}
  v128_t operator()(v128_t v) const {
    const v128_t inner = wasm_f32x4_mul(v, Ops::madd(wasm_f32x4_mul(v, v), c3, c1));
    const v128_t h = wasm_f32x4_mul(v, half);
    return Ops::madd(h, tanh(inner), h);
  }
};

// max(v, 0) + log(1 + e^-|v|)
template <typename Ops>
struct Softplus {
  Exp<Ops> exp;
  Log<Ops> log;
  explicit Softplus(const UnaryParams&) {}
  v128_t operator()(v128_t v) const {
    const v128_t z = exp(wasm_f32x4_neg(wasm_f32x4_abs(v)));
    return wasm_f32x4_add(wasm_f32x4_pmax(v, log.zero), log(wasm_f32x4_add(z, exp.one)));
  }
};

// v tanh(softplus(v)) = v s / (s + 2) with s = e^v (e^v + 2); the ratio is 1 long before v = 40.
template <typename Ops>
struct Mish {
  Exp<Ops> exp;
  v128_t two = kept_f32(2.0f);
  v128_t limit = kept_f32(40.0f);
  explicit Mish(const UnaryParams&) {}
  v128_t operator()(v128_t v) const {
    const v128_t e = exp(wasm_f32x4_pmin(v, limit));
    const v128_t s = wasm_f32x4_mul(e, wasm_f32x4_add(e, two));
    return wasm_f32x4_mul(v, wasm_f32x4_div(s, wasm_f32x4_add(s, two)));
  }
};

template <typename F>
void unary(const float* x, float* y, size_t n, const UnaryParams& params) {
  map_floats(x, y, n, F(params));
}

template <typename F>
void set_unary(KernelTable& table, UnaryKind kind) {
  table.unary[static_cast<size_t>(kind)] = unary<F>;
}

// The kinds that spend their time in multiply-adds, which the relaxed tier does faster.
template <typename Ops>
void fill_transcendental(KernelTable& table) {
  set_unary<ExpKernel<Ops>>(table, UnaryKind::exp);
  set_unary<LogKernel<Ops>>(table, UnaryKind::log);
  set_unary<Elu<Ops>>(table, UnaryKind::elu);
  set_unary<Selu<Ops>>(table, UnaryKind::selu);
  set_unary<Celu<Ops>>(table, UnaryKind::celu);
  set_unary<SigmoidKernel<Ops>>(table, UnaryKind::sigmoid);
  set_unary<TanhKernel<Ops>>(table, UnaryKind::tanh);
  set_unary<ErfKernel<Ops>>(table, UnaryKind::erf);
  set_unary<GeluErf<Ops>>(table, UnaryKind::gelu_erf);
  set_unary<GeluTanh<Ops>>(table, UnaryKind::gelu_tanh);
  set_unary<Silu<Ops>>(table, UnaryKind::silu);
  set_unary<Softplus<Ops>>(table, UnaryKind::softplus);
  set_unary<Mish<Ops>>(table, UnaryKind::mish);
}

}  // namespace whittle::simd
