// Layer, RMS and instance normalisation: limited by memory, so one version serves both tiers.

#include <cmath>

#include "core/kernels/simd/horizontal.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {
namespace {

using simd::kept_f32;

// y = (x - mean) * inverse * gamma + beta.
void scale_row(const float* x, float* y, size_t n, float mean, float inverse, const float* gamma,
               const float* beta) {
  const v128_t shift = kept_f32(mean);
  const v128_t factor = kept_f32(inverse);
  for (size_t i = 0; i < n; i += 4) {
    const size_t count = n - i < 4 ? n - i : 4;
    v128_t v = simd::load_partial(x + i, count);
    v = wasm_f32x4_mul(wasm_f32x4_sub(v, shift), factor);
    if (gamma) v = wasm_f32x4_mul(v, simd::load_partial(gamma + i, count));
    if (beta) v = wasm_f32x4_add(v, simd::load_partial(beta + i, count));
    simd::store_partial(y + i, v, count);
  }
}

void layer_norm(const RowsArgs& args, IndexRange rows, const float* gamma, const float* beta,
                float eps) {
  const float count = static_cast<float>(args.cols);
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* const x = args.x + r * args.ldx;
    const float mean = simd::sum_of(x, args.cols, [](v128_t v) { return v; }) / count;
    const v128_t shift = kept_f32(mean);
    const float squares = simd::sum_of(x, args.cols, [&](v128_t v) {
      const v128_t d = wasm_f32x4_sub(v, shift);
      return wasm_f32x4_mul(d, d);
    });
    const float inverse = 1.0f / std::sqrt(squares / count + eps);
    scale_row(x, args.y + r * args.ldy, args.cols, mean, inverse, gamma, beta);
  }
}

void rms_norm(const RowsArgs& args, IndexRange rows, const float* gamma, float eps) {
  const float count = static_cast<float>(args.cols);
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* const x = args.x + r * args.ldx;
    const float squares = simd::sum_of(x, args.cols, [](v128_t v) { return wasm_f32x4_mul(v, v); });
    const float inverse = 1.0f / std::sqrt(squares / count + eps);
    scale_row(x, args.y + r * args.ldy, args.cols, 0.0f, inverse, gamma, nullptr);
  }
}

// Sum of f(x) over pixels for up to 4 channels, in blocks that bound the error.
template <typename F>
v128_t sum_pixels(const float* x, size_t pixels, size_t channels, size_t count, const F& f) {
  constexpr size_t kBlock = 256;
  v128_t total = wasm_f32x4_splat(0.0f);
  for (size_t first = 0; first < pixels; first += kBlock) {
    const size_t end = pixels - first < kBlock ? pixels : first + kBlock;
    v128_t sum = wasm_f32x4_splat(0.0f);
    for (size_t p = first; p < end; ++p) {
      sum = wasm_f32x4_add(sum, f(simd::load_partial(x + p * channels, count)));
    }
    total = wasm_f32x4_add(total, sum);
  }
  return total;
}

void instance_norm(const float* x, float* y, size_t pixels, size_t channels, IndexRange range,
                   const float* gamma, const float* beta, float eps) {
  const v128_t divisor = kept_f32(static_cast<float>(pixels));
  const v128_t one = kept_f32(1.0f);
  for (size_t c = range.begin; c < range.end; c += 4) {
    const size_t count = range.end - c < 4 ? range.end - c : 4;
    const v128_t mean = wasm_f32x4_div(
        sum_pixels(x + c, pixels, channels, count, [](v128_t v) { return v; }), divisor);
    const v128_t squares = sum_pixels(x + c, pixels, channels, count, [&](v128_t v) {
      const v128_t d = wasm_f32x4_sub(v, mean);
      return wasm_f32x4_mul(d, d);
    });
    const v128_t variance = wasm_f32x4_div(squares, divisor);
    v128_t factor =
        wasm_f32x4_div(one, wasm_f32x4_sqrt(wasm_f32x4_add(variance, wasm_f32x4_splat(eps))));
    if (gamma) factor = wasm_f32x4_mul(factor, simd::load_partial(gamma + c, count));
    const v128_t shift = beta ? simd::load_partial(beta + c, count) : wasm_f32x4_splat(0.0f);
    for (size_t p = 0; p < pixels; ++p) {
      const v128_t v = simd::load_partial(x + p * channels + c, count);
      simd::store_partial(y + p * channels + c,
                          wasm_f32x4_add(wasm_f32x4_mul(wasm_f32x4_sub(v, mean), factor), shift),
                          count);
    }
  }
}

}  // namespace

void fill_norm(KernelTable& table) {
  table.layer_norm = layer_norm;
  table.rms_norm = rms_norm;
  table.instance_norm = instance_norm;
}

}  // namespace whittle::simd128
