// Reductions over contiguous rows (inner) and over rows (outer).

#include "core/kernels/simd/horizontal.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {
namespace {

constexpr float kInfinity = __builtin_inff();

// wasm's min and max return NaN when either operand is NaN.
template <ReduceKind kind>
v128_t better(v128_t a, v128_t b) {
  return kind == ReduceKind::max ? wasm_f32x4_max(a, b) : wasm_f32x4_min(a, b);
}

template <ReduceKind kind>
void inner(const float* x, size_t ldx, size_t cols, float* y, IndexRange rows) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* const row = x + r * ldx;
    if constexpr (kind == ReduceKind::max || kind == ReduceKind::min) {
      if (cols == 0) {
        y[r] = kind == ReduceKind::max ? -kInfinity : kInfinity;
      } else {
        y[r] = simd::select_of(row, cols, better<kind>);
      }
    } else if constexpr (kind == ReduceKind::sum_square) {
      y[r] = simd::sum_of(row, cols, [](v128_t v) { return wasm_f32x4_mul(v, v); });
    } else {
      const float sum = simd::sum_of(row, cols, [](v128_t v) { return v; });
      y[r] = kind == ReduceKind::mean ? sum / static_cast<float>(cols) : sum;
    }
  }
}

// Columns i .. i + count reduced over rows, in blocks that bound the error of sums.
template <ReduceKind kind>
v128_t reduce_columns(const float* x, size_t ldx, size_t outer, size_t count) {
  if constexpr (kind == ReduceKind::max || kind == ReduceKind::min) {
    v128_t best = wasm_f32x4_splat(kind == ReduceKind::max ? -kInfinity : kInfinity);
    for (size_t o = 0; o < outer; ++o) {
      best = better<kind>(best, simd::load_partial(x + o * ldx, count));
    }
    return best;
  } else {
    constexpr size_t kBlock = 256;
    v128_t total = wasm_f32x4_splat(0.0f);
    for (size_t first = 0; first < outer; first += kBlock) {
      const size_t end = outer - first < kBlock ? outer : first + kBlock;
      v128_t sum = wasm_f32x4_splat(0.0f);
      for (size_t o = first; o < end; ++o) {
        const v128_t v = simd::load_partial(x + o * ldx, count);
        sum = wasm_f32x4_add(sum, kind == ReduceKind::sum_square ? wasm_f32x4_mul(v, v) : v);
      }
      total = wasm_f32x4_add(total, sum);
    }
    if (kind == ReduceKind::mean) {
      total = wasm_f32x4_div(total, wasm_f32x4_splat(static_cast<float>(outer)));
    }
    return total;
  }
}

template <ReduceKind kind>
void outer(const float* x, size_t ldx, size_t outer_count, float* y, IndexRange range) {
  for (size_t i = range.begin; i < range.end; i += 4) {
    const size_t count = range.end - i < 4 ? range.end - i : 4;
    simd::store_partial(y + i, reduce_columns<kind>(x + i, ldx, outer_count, count), count);
  }
}

void global_avg_pool(const float* x, size_t ldx, size_t pixels, float* y, IndexRange channels) {
  outer<ReduceKind::mean>(x, ldx, pixels, y, channels);
}

}  // namespace

void fill_reduce(KernelTable& table) {
  table.reduce_inner = {inner<ReduceKind::sum>, inner<ReduceKind::mean>, inner<ReduceKind::max>,
                        inner<ReduceKind::min>, inner<ReduceKind::sum_square>};
  table.reduce_outer = {outer<ReduceKind::sum>, outer<ReduceKind::mean>, outer<ReduceKind::max>,
                        outer<ReduceKind::min>, outer<ReduceKind::sum_square>};
  table.global_avg_pool = global_avg_pool;
}

}  // namespace whittle::simd128
