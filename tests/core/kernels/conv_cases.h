#pragma once

// Convolution geometries that float, integer and pooling tests share.

#include <cstddef>

#include "core/kernels/kernel_table.h"

namespace whittle::test {

struct ConvCase {
  const char* name;
  size_t in_h, in_w, channels;
  size_t kernel_h, kernel_w;
  size_t stride_h, stride_w;
  size_t dilation;
  size_t pad;      // on every side
  size_t gap = 0;  // elements between the channels of neighbouring pixels

  ConvShape shape() const {
    ConvShape s;
    s.in_h = in_h;
    s.in_w = in_w;
    s.kernel_h = kernel_h;
    s.kernel_w = kernel_w;
    s.stride_h = stride_h;
    s.stride_w = stride_w;
    s.dilation_h = s.dilation_w = dilation;
    s.pad_top = s.pad_left = pad;
    s.out_h = (in_h + 2 * pad - (kernel_h - 1) * dilation - 1) / stride_h + 1;
    s.out_w = (in_w + 2 * pad - (kernel_w - 1) * dilation - 1) / stride_w + 1;
    s.kc = channels;
    s.pixel_stride = channels + gap;
    s.row_stride = in_w * s.pixel_stride + gap;
    return s;
  }
};

inline const ConvCase kConvCases[] = {
    {"pointwise", 5, 6, 9, 1, 1, 1, 1, 1, 0},
    {"three_by_three", 8, 9, 8, 3, 3, 1, 1, 1, 1},
    {"no_padding", 8, 12, 5, 3, 3, 1, 1, 1, 0},
    {"stride_two", 11, 12, 6, 3, 3, 2, 2, 1, 1},
    {"stride_two_exact_width", 10, 17, 4, 3, 3, 2, 2, 1, 0},
    {"five_by_five", 9, 13, 4, 5, 5, 1, 1, 1, 2},
    {"five_by_five_stride_two", 9, 16, 4, 5, 5, 2, 2, 1, 2},
    {"dilated", 11, 10, 3, 3, 3, 1, 1, 2, 2},
    {"mixed_strides", 9, 10, 3, 3, 2, 2, 1, 1, 1},
    {"seven_by_seven_stride_three", 16, 15, 3, 7, 7, 3, 3, 1, 3},
    {"image_smaller_than_kernel", 2, 2, 5, 3, 3, 1, 1, 1, 1},
    {"padding_wider_than_kernel", 3, 3, 2, 2, 2, 1, 1, 1, 3},
    {"one_dimensional", 1, 20, 6, 1, 5, 1, 1, 1, 0},
    {"tall_kernel", 12, 4, 4, 5, 1, 1, 1, 1, 0},
    {"strided_pixels", 6, 9, 4, 3, 3, 1, 1, 1, 1, 3},
};

}  // namespace whittle::test
