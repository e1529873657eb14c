// Max and average pooling over NHWC windows, 4 channels at a time.

#include "core/kernels/pooling.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd128/simd128.h"
#include "core/kernels/window.h"

namespace whittle::simd128 {
namespace {

// Combines the taps of a window inside the image for channels c .. c + count.
template <typename Combine>
v128_t window(const ConvShape& s, const TapRange& rows, const TapRange& cols, const float* x,
              size_t count, v128_t start, const Combine& combine) {
  v128_t acc = start;
  for (size_t ky = rows.begin; ky < rows.end; ++ky) {
    const size_t y = rows.first_input + (ky - rows.begin) * s.dilation_h;
    const float* p = x + y * s.row_stride + cols.first_input * s.pixel_stride;
    for (size_t kx = cols.begin; kx < cols.end; ++kx, p += s.dilation_w * s.pixel_stride) {
      acc = combine(acc, count >= 4 ? wasm_v128_load(p) : simd::load_partial(p, count));
    }
  }
  return acc;
}

// Calls pixel(oy, ox, rows, cols, first output element) for every output pixel of the rows.
template <typename Pixel>
void for_each_pixel(const ConvShape& s, size_t ldc, IndexRange out_rows, const Pixel& pixel) {
  for (size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
    const TapRange rows =
        taps_in_image(oy, s.stride_h, s.pad_top, s.kernel_h, s.dilation_h, s.in_h);
    for (size_t ox = 0; ox < s.out_w; ++ox) {
      const TapRange cols =
          taps_in_image(ox, s.stride_w, s.pad_left, s.kernel_w, s.dilation_w, s.in_w);
      pixel(oy, ox, rows, cols, (oy * s.out_w + ox) * ldc);
    }
  }
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
