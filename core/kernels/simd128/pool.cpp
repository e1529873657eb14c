// Max and average pooling over NHWC windows, 4 channels at a time.

#include "core/kernels/pooling.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd128/simd128.h"
#include "core/kernels/simd128/window_walk.h"

namespace whittle::simd128 {
namespace {

// Combines the taps inside the image for 4 channels, of which `count` exist.
template <typename Combine>
v128_t window(const ConvShape& s, const TapRange& rows, const TapRange& cols, const float* x,
              size_t count, v128_t start, const Combine& combine) {
  v128_t acc = start;
  for_each_tap(s, rows, cols, x, [&](const float* p) {
    acc = combine(acc, count >= 4 ? wasm_v128_load(p) : simd::load_partial(p, count));
  });
  return acc;
}

void max_pool(const ConvShape& s, const float* x, float* y, size_t ldc, IndexRange out_rows) {
  const v128_t lowest = simd::kept_f32(-__builtin_inff());
  const auto combine = [](v128_t acc, v128_t v) { return wasm_f32x4_max(acc, v); };
  for_each_pixel(s, ldc, out_rows,
                 [&](size_t, size_t, const TapRange& rows, const TapRange& cols, size_t index) {
                   for (size_t c = 0; c < s.kc; c += 4) {
                     const size_t count = s.kc - c;
                     const v128_t v = window(s, rows, cols, x + c, count, lowest, combine);
                     simd::store_partial(y + index + c, v, count < 4 ? count : 4);
                   }
                 });
}

void avg_pool(const ConvShape& s, const AvgPoolParams& params, const float* x, float* y, size_t ldc,
              IndexRange out_rows) {
  const v128_t zero = simd::kept_f32(0.0f);
  const auto combine = [](v128_t acc, v128_t v) { return wasm_f32x4_add(acc, v); };
  for_each_pixel(
      s, ldc, out_rows,
      [&](size_t oy, size_t ox, const TapRange& rows, const TapRange& cols, size_t index) {
        const v128_t divisor =
            wasm_f32x4_splat(static_cast<float>(avg_pool_divisor(s, params, oy, ox)));
        for (size_t c = 0; c < s.kc; c += 4) {
          const size_t count = s.kc - c;
          const v128_t v = window(s, rows, cols, x + c, count, zero, combine);
          simd::store_partial(y + index + c, wasm_f32x4_div(v, divisor), count < 4 ? count : 4);
        }
      });
}

}  // namespace

void fill_pool(KernelTable& table) {
  table.max_pool = max_pool;
  table.avg_pool = avg_pool;
}

}  // namespace whittle::simd128
