#pragma once

// softmax and log_softmax of rows.

#include <cmath>

#include "core/kernels/kernel_table.h"
#include "core/kernels/simd/horizontal.h"
#include "core/kernels/simd/math.h"

namespace whittle::simd {

// Skips NaN, which then reaches every output through the sum.
inline float row_max(const float* x, size_t n) {
  return select_of(x, n, [](v128_t best, v128_t v) { return wasm_f32x4_pmax(best, v); });
}

// y = e^(x - max), returns the sum.
template <typename Ops>
inline float exp_row(const float* x, float* y, size_t n, float max, const Exp<Ops>& exp) {
  const v128_t shift = kept_f32(max);
  v128_t s0 = wasm_f32x4_splat(0.0f);
  v128_t s1 = s0;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const v128_t e0 = exp(wasm_f32x4_sub(wasm_v128_load(x + i), shift));
    const v128_t e1 = exp(wasm_f32x4_sub(wasm_v128_load(x + i + 4), shift));
    wasm_v128_store(y + i, e0);
    wasm_v128_store(y + i + 4, e1);
    s0 = wasm_f32x4_add(s0, e0);
    s1 = wasm_f32x4_add(s1, e1);
  }
  float sum = horizontal_sum(wasm_f32x4_add(s0, s1));
  for (; i < n; ++i) {
    y[i] = wasm_f32x4_extract_lane(exp(wasm_f32x4_splat(x[i] - max)), 0);
    sum += y[i];
  }
  return sum;
}

template <typename Ops>
void softmax(const RowsArgs& args, IndexRange rows) {
  if (args.cols == 0) return;
  const Exp<Ops> exp;
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* const x = args.x + r * args.ldx;
    float* const y = args.y + r * args.ldy;
    const float sum = exp_row(x, y, args.cols, row_max(x, args.cols), exp);
    const float inverse = 1.0f / sum;
    const v128_t factor = kept_f32(inverse);
    size_t i = 0;
    for (; i + 4 <= args.cols; i += 4) {
      wasm_v128_store(y + i, wasm_f32x4_mul(wasm_v128_load(y + i), factor));
    }
    for (; i < args.cols; ++i) y[i] *= inverse;
  }
}

template <typename Ops>
void log_softmax(const RowsArgs& args, IndexRange rows) {
  if (args.cols == 0) return;
  const Exp<Ops> exp;
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* const x = args.x + r * args.ldx;
    float* const y = args.y + r * args.ldy;
    const float max = row_max(x, args.cols);
    const v128_t shift = kept_f32(max);
    const float sum = sum_of(x, args.cols, [&](v128_t v) { return exp(wasm_f32x4_sub(v, shift)); });
    const float log_sum = std::log(sum);
    const v128_t second = kept_f32(log_sum);
    size_t i = 0;
    for (; i + 4 <= args.cols; i += 4) {
      wasm_v128_store(y + i, wasm_f32x4_sub(wasm_f32x4_sub(wasm_v128_load(x + i), shift), second));
    }
    for (; i < args.cols; ++i) y[i] = (x[i] - max) - log_sum;
  }
}

}  // namespace whittle::simd
