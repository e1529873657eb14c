#pragma once

// What average pooling divides by.

#include <algorithm>
#include <cstddef>

#include "core/kernels/kernel_table.h"

namespace whittle {

// Taps along one axis whose position p satisfies first <= p < last; `origin` is tap 0's position,
// counted from the first padded pixel.
inline size_t taps_inside(size_t origin, size_t kernel, size_t dilation, size_t first,
                          size_t last) {
  size_t count = 0;
  for (size_t k = 0; k < kernel; ++k) {
    const size_t position = origin + k * dilation;
    if (position >= first && position < last) ++count;
  }
  return count;
}

// Number of taps that count for output pixel (oy, ox), at least 1.
inline size_t avg_pool_divisor(const ConvShape& s, const AvgPoolParams& params, size_t oy,
                               size_t ox) {
  const bool pad = params.count_include_pad;
  const size_t rows = taps_inside(oy * s.stride_h, s.kernel_h, s.dilation_h, pad ? 0 : s.pad_top,
                                  s.pad_top + s.in_h + (pad ? params.pad_bottom : 0));
  const size_t cols = taps_inside(ox * s.stride_w, s.kernel_w, s.dilation_w, pad ? 0 : s.pad_left,
                                  s.pad_left + s.in_w + (pad ? params.pad_right : 0));
  return std::max<size_t>(rows * cols, 1);
}

}  // namespace whittle
