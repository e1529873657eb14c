#pragma once

#include <vector>

#include "core/ops/support/conv_geometry.h"
#include "core/runtime/steps/support.h"

namespace whittle {

/**
 * A copy of a channels-last image of few channels in which the horizontal padding is written out,
 * so that one kernel row over all channels is contiguous: kernel_h long taps instead of kernel_h *
 * kernel_w short ones.
 */
class PaddedRows {
 public:
  /** `shape` is the convolution over the image as it is. */
  PaddedRows(const ConvShape& shape, const ConvGeometry& geometry, size_t element_size);

  /** The same convolution over the copy. */
  ConvShape as_rows(ConvShape shape) const;
  size_t bytes() const { return height_ * padded_width_ * pixel_bytes_; }
  /** Copies one image; padding bytes are all `fill`. */
  void fill(const std::byte* image, std::byte* copy, int padding_byte) const;

 private:
  size_t height_ = 0;
  size_t width_ = 0;
  size_t channels_ = 0;
  size_t pixel_bytes_ = 0;
  size_t left_ = 0;  // pixels of padding
  size_t padded_width_ = 0;
};

/** [n][ky][kx][c] from ONNX's [n][c][ky][kx]. */
std::vector<std::byte> taps_before_channels(const Tensor& w);

}  // namespace whittle
