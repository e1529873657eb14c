#pragma once

// The part of a pooling window that lies inside the image.

#include <cstddef>

#include "core/kernels/kernel_table.h"

namespace whittle {

// Kernel positions begin .. end along one axis whose input position lies inside 0 .. size.
struct TapRange {
  size_t begin = 0;
  size_t end = 0;
  size_t first_input = 0;  // input position of `begin`
};

inline TapRange taps_in_image(size_t out, size_t stride, size_t pad, size_t kernel, size_t dilation,
                              size_t size) {
  const size_t start = out * stride;
  TapRange range;
  if (start < pad) range.begin = (pad - start + dilation - 1) / dilation;
  const size_t limit = size + pad;  // first position past the image, counted like start
  range.end = start < limit ? (limit - start + dilation - 1) / dilation : 0;
  if (range.end > kernel) range.end = kernel;
  if (range.begin > range.end) range.begin = range.end;
  range.first_input = start + range.begin * dilation - pad;
  return range;
}

}  // namespace whittle
