#pragma once

// The walk of pooling kernels over output pixels and the taps inside the image.

#include <cstddef>

#include "core/kernels/kernel_table.h"
#include "core/kernels/window.h"

namespace whittle::simd128 {

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

// Calls tap(address) for every tap of the window inside the image of T.
template <typename T, typename Tap>
void for_each_tap(const ConvShape& s, const TapRange& rows, const TapRange& cols, const T* x,
                  const Tap& tap) {
  for (size_t ky = rows.begin; ky < rows.end; ++ky) {
    const size_t y = rows.first_input + (ky - rows.begin) * s.dilation_h;
    // Signed: a window without taps may begin before the image.
    const T* p = x + static_cast<ptrdiff_t>(y * s.row_stride + cols.first_input * s.pixel_stride);
    for (size_t kx = cols.begin; kx < cols.end; ++kx, p += s.dilation_w * s.pixel_stride) tap(p);
  }
}

}  // namespace whittle::simd128
