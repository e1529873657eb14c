#include "core/runtime/steps/padded_rows.h"

#include <cstring>

namespace whittle {

PaddedRows::PaddedRows(const ConvShape& shape, const ConvGeometry& geometry, size_t element_size)
    : height_(shape.in_h),
      width_(shape.in_w),
      channels_(static_cast<size_t>(geometry.in_channels)),
      pixel_bytes_(channels_ * element_size),
      left_(shape.pad_left) {
  const auto right = static_cast<size_t>(geometry.axes.back().pad_end);
  const size_t reached = (shape.out_w - 1) * shape.stride_w + shape.kernel_w;
  padded_width_ = std::max(left_ + width_ + right, reached);
}

ConvShape PaddedRows::as_rows(ConvShape shape) const {
  shape.in_w = padded_width_ - shape.kernel_w + 1;
  shape.kc = shape.kernel_w * channels_;
  shape.kernel_w = 1;
  shape.pad_left = 0;
  shape.pixel_stride = channels_;
  shape.row_stride = padded_width_ * channels_;
  return shape;
}

void PaddedRows::fill(const std::byte* image, std::byte* copy, int padding_byte) const {
  const size_t row = width_ * pixel_bytes_;
  const size_t left = left_ * pixel_bytes_;
  const size_t right = (padded_width_ - left_ - width_) * pixel_bytes_;
  for (size_t y = 0; y < height_; ++y, image += row, copy += padded_width_ * pixel_bytes_) {
    std::memset(copy, padding_byte, left);
    std::memcpy(copy + left, image, row);
    std::memset(copy + left + row, padding_byte, right);
  }
}

std::vector<std::byte> taps_before_channels(const Tensor& w) {
  const Shape& s = w.shape();
  const size_t size = element_bytes(w.dtype());
  const auto channels = static_cast<size_t>(s[1]);
  const auto taps = static_cast<size_t>(s.elements(2, s.rank()));
  std::vector<std::byte> out(static_cast<size_t>(w.bytes()));
  for (size_t n = 0; n < static_cast<size_t>(s[0]); ++n) {
    for (size_t c = 0; c < channels; ++c) {
      for (size_t t = 0; t < taps; ++t) {
        std::memcpy(&out[((n * taps + t) * channels + c) * size],
                    w.raw() + ((n * channels + c) * taps + t) * size, size);
      }
    }
  }
  return out;
}

}  // namespace whittle
