// y[i] = f(x[i]); the formula of each kind beside its name, with a = alpha and b = beta.

#include <cmath>

#include "core/kernels/reference/reference.h"

namespace whittle::reference {
namespace {

constexpr float kSqrtHalf = 0.70710678118654752f;
constexpr float kSqrtTwoOverPi = 0.79788456080286536f;

template <typename F>
void each(const float* x, float* y, size_t n, F f) {
  for (size_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

float clip01(float v) {
  return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

float sigmoid(float v) {
  // exp of a non-positive number only: no overflow on either side.
  if (v >= 0.0f) return 1.0f / (1.0f + std::exp(-v));
  const float e = std::exp(v);
  return e / (1.0f + e);
}

float softplus(float v) {
  return (v > 0.0f ? v : 0.0f) + std::log1p(std::exp(-std::fabs(v)));
}

// Expands to a kernel whose body is the formula of v.
#define WHITTLE_REFERENCE_UNARY(name, formula)                                   \
  void name##_kernel(const float* x, float* y, size_t n, const UnaryParams& p) { \
    [[maybe_unused]] const float a = p.alpha;                                    \
    [[maybe_unused]] const float b = p.beta;                                     \
    each(x, y, n, [=](float v) -> float { return formula; });                    \
  }

WHITTLE_REFERENCE_UNARY(abs, std::fabs(v))
WHITTLE_REFERENCE_UNARY(neg, -v)
WHITTLE_REFERENCE_UNARY(exp, std::exp(v))
WHITTLE_REFERENCE_UNARY(log, std::log(v))
WHITTLE_REFERENCE_UNARY(sqrt, std::sqrt(v))
WHITTLE_REFERENCE_UNARY(reciprocal, 1.0f / v)
WHITTLE_REFERENCE_UNARY(relu, v < 0.0f ? 0.0f : v)
WHITTLE_REFERENCE_UNARY(leaky_relu, v < 0.0f ? a * v : v)
WHITTLE_REFERENCE_UNARY(elu, v < 0.0f ? a * std::expm1(v) : v)
WHITTLE_REFERENCE_UNARY(selu, b*(v <= 0.0f ? a * std::expm1(v) : v))
WHITTLE_REFERENCE_UNARY(celu, v < 0.0f ? a * std::expm1(v / a) : v)
WHITTLE_REFERENCE_UNARY(sigmoid, sigmoid(v))
WHITTLE_REFERENCE_UNARY(tanh, std::tanh(v))
WHITTLE_REFERENCE_UNARY(erf, std::erf(v))
WHITTLE_REFERENCE_UNARY(gelu_erf, 0.5f * v * (1.0f + std::erf(v * kSqrtHalf)))
WHITTLE_REFERENCE_UNARY(gelu_tanh,
                        0.5f * v * (1.0f + std::tanh(kSqrtTwoOverPi * (v + 0.044715f * v * v * v))))
WHITTLE_REFERENCE_UNARY(hard_sigmoid, clip01(a* v + b))
WHITTLE_REFERENCE_UNARY(hard_swish, v* clip01(v*(1.0f / 6.0f) + 0.5f))
WHITTLE_REFERENCE_UNARY(silu, v* sigmoid(a* v))
WHITTLE_REFERENCE_UNARY(softplus, softplus(v))
WHITTLE_REFERENCE_UNARY(softsign, v / (1.0f + std::fabs(v)))
WHITTLE_REFERENCE_UNARY(mish, v* std::tanh(softplus(v)))
WHITTLE_REFERENCE_UNARY(floor, std::floor(v))
WHITTLE_REFERENCE_UNARY(ceil, std::ceil(v))
WHITTLE_REFERENCE_UNARY(round_half_even, std::nearbyint(v))
WHITTLE_REFERENCE_UNARY(clip, (v = v < a ? a : v) > b ? b : v)
WHITTLE_REFERENCE_UNARY(square, v* v)
WHITTLE_REFERENCE_UNARY(sign, v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v)
WHITTLE_REFERENCE_UNARY(sin, std::sin(v))
WHITTLE_REFERENCE_UNARY(cos, std::cos(v))
#undef WHITTLE_REFERENCE_UNARY

}  // namespace

void fill_unary(KernelTable& table) {
  const auto set = [&](UnaryKind kind, UnaryFn fn) { table.unary[static_cast<size_t>(kind)] = fn; };
  set(UnaryKind::abs, abs_kernel);
  set(UnaryKind::neg, neg_kernel);
  set(UnaryKind::exp, exp_kernel);
  set(UnaryKind::log, log_kernel);
  set(UnaryKind::sqrt, sqrt_kernel);
  set(UnaryKind::reciprocal, reciprocal_kernel);
  set(UnaryKind::relu, relu_kernel);
  set(UnaryKind::leaky_relu, leaky_relu_kernel);
  set(UnaryKind::elu, elu_kernel);
  set(UnaryKind::selu, selu_kernel);
  set(UnaryKind::celu, celu_kernel);
  set(UnaryKind::sigmoid, sigmoid_kernel);
  set(UnaryKind::tanh, tanh_kernel);
  set(UnaryKind::erf, erf_kernel);
  set(UnaryKind::gelu_erf, gelu_erf_kernel);
  set(UnaryKind::gelu_tanh, gelu_tanh_kernel);
  set(UnaryKind::hard_sigmoid, hard_sigmoid_kernel);
  set(UnaryKind::hard_swish, hard_swish_kernel);
  set(UnaryKind::silu, silu_kernel);
  set(UnaryKind::softplus, softplus_kernel);
  set(UnaryKind::softsign, softsign_kernel);
  set(UnaryKind::mish, mish_kernel);
  set(UnaryKind::floor, floor_kernel);
  set(UnaryKind::ceil, ceil_kernel);
  set(UnaryKind::round_half_even, round_half_even_kernel);
  set(UnaryKind::clip, clip_kernel);
  set(UnaryKind::square, square_kernel);
  set(UnaryKind::sign, sign_kernel);
  set(UnaryKind::sin, sin_kernel);
  set(UnaryKind::cos, cos_kernel);
}

}  // namespace whittle::reference
