#pragma once

// Scalar steps that several reference kernels share.

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/kernels/kernel_table.h"

namespace whittle::reference {

// Clamp that lets NaN through.
inline float clamp(float v, float min, float max) {
  v = v < min ? min : v;
  return v > max ? max : v;
}

inline float finish(const FloatEpilogue& e, float v, size_t row, size_t col) {
  if (e.residual) v += e.residual[row * e.ld_residual + col];
  v = clamp(v, e.min, e.max);
  if (e.unary) e.unary(&v, &v, 1, e.unary_params);
  return v;
}

inline int32_t read_byte(const void* x, bool is_signed, size_t index) {
  return is_signed ? static_cast<const int8_t*>(x)[index] : static_cast<const uint8_t*>(x)[index];
}

// The low 8 bits are the stored byte for both signednesses.
inline void write_byte(void* y, size_t index, int32_t value) {
  static_cast<uint8_t*>(y)[index] = static_cast<uint8_t>(value & 0xff);
}

// clamp(round_half_even(v) + zero_point, qmin, qmax); a NaN becomes qmin.
inline int32_t quantize_rounded(float v, int32_t zero_point, int32_t qmin, int32_t qmax) {
  const float low = static_cast<float>(qmin - zero_point);
  const float high = static_cast<float>(qmax - zero_point);
  v = low < v ? v : low;
  v = v < high ? v : high;
  return static_cast<int32_t>(std::nearbyint(v)) + zero_point;
}

inline void store_quantized(const QEpilogue& e, float scale, float fbias, int32_t acc, void* c,
                            size_t ldc, size_t row, size_t col) {
  const size_t index = row * ldc + col;
  switch (e.output) {
    case QOutput::u8:
    case QOutput::s8:
      write_byte(
          c, index,
          quantize_rounded(static_cast<float>(acc) * scale, e.out_zero_point, e.qmin, e.qmax));
      return;
    case QOutput::f32: {
      const float product = static_cast<float>(acc) * (e.a_scale * scale);
      static_cast<float*>(c)[index] = finish(e.float_epilogue, product + fbias, row, col);
      return;
    }
    case QOutput::i32:
      static_cast<int32_t*>(c)[index] = acc;
      return;
  }
}

// Element offset of the input pixel that tap (ky, kx) of output pixel (oy, ox) reads; false when it
// lies in the padding.
inline bool tap_offset(const ConvShape& s, size_t oy, size_t ox, size_t ky, size_t kx,
                       size_t* offset) {
  // Unsigned wrap-around makes positions left of and above the image large.
  const size_t iy = oy * s.stride_h + ky * s.dilation_h - s.pad_top;
  const size_t ix = ox * s.stride_w + kx * s.dilation_w - s.pad_left;
  if (iy >= s.in_h || ix >= s.in_w) return false;
  *offset = iy * s.row_stride + ix * s.pixel_stride;
  return true;
}

}  // namespace whittle::reference
