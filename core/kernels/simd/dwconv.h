#pragma once

// Depthwise convolution, NHWC, 4 channels x 4 neighbouring output pixels at a time.
//
// Common kernels (3 or 5 columns, stride 1 or 2, no dilation) walk the input columns of the group:
// each input value is loaded once per kernel row and multiplied into every output it belongs to.
// Groups whose columns all lie inside the image compute addresses; groups at the left and right
// border read them from an array, with zero_row for the padding. Kernel rows above and below the
// image are skipped.

#include <cstddef>
#include <utility>

#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/tiling.h"

namespace whittle::simd {

constexpr size_t kDwConvBlock = 4;

// One group of output pixels in one output row.
struct DwConvGroup {
  const ConvShape* shape;
  const float* packed;       // first block of the channel range
  size_t first_row;          // first kernel row inside the image
  size_t end_row;            // and one past the last
  const float* input;        // pixel of (first_row, column 0) if direct
  const float* const* taps;  // addresses otherwise: [row][column] or [row][kernel column][pixel]
  size_t pixel;              // index of output pixel 0
  size_t pixels;             // 1 .. kDwConvPixels
};

// Multiplies input column kColumn of a kernel row into the output pixels that read it.
template <typename Ops, size_t kKernelW, size_t kStride, size_t kColumn>
inline void accumulate_column(v128_t x, const v128_t (&w)[kKernelW], v128_t (&acc)[kDwConvPixels]) {
  WHITTLE_UNROLL
  for (size_t j = 0; j < kDwConvPixels; ++j) {
    const size_t kx = kColumn - j * kStride;  // wraps to something large left of the window
    if (kx < kKernelW) acc[j] = Ops::madd(x, w[kx], acc[j]);
  }
}

template <typename Ops, size_t kKernelW, size_t kStride, size_t... kColumns, typename Load>
inline void accumulate_row(Load load, const v128_t (&w)[kKernelW], v128_t (&acc)[kDwConvPixels],
                           std::index_sequence<kColumns...>) {
  (accumulate_column<Ops, kKernelW, kStride, kColumns>(load(kColumns), w, acc), ...);
}

// A group of a kernel with kKernelW columns. Blocks of 4 channels from `channels`, all complete.
template <typename Ops, size_t kKernelW, size_t kStride, bool kDirect>
void dwconv_columns(const DwConvGroup& g, IndexRange channels, const EpilogueStore& store) {
  constexpr size_t kColumns = (kDwConvPixels - 1) * kStride + kKernelW;
  const ConvShape& s = *g.shape;
  const size_t rows = g.end_row - g.first_row;
  const float* block = g.packed;
  for (size_t c = channels.begin; c < channels.end; c += kDwConvBlock) {
    v128_t acc[kDwConvPixels];
    acc[0] = wasm_v128_load(block);
    WHITTLE_UNROLL
    for (size_t j = 1; j < kDwConvPixels; ++j) acc[j] = acc[0];
    const float* weights = block + (1 + g.first_row * kKernelW) * kDwConvBlock;
    const float* row = g.input + c;
    const float* const* addresses = g.taps;
    for (size_t r = 0; r < rows; ++r) {
      v128_t w[kKernelW];
      WHITTLE_UNROLL
      for (size_t kx = 0; kx < kKernelW; ++kx) w[kx] = wasm_v128_load(weights + kx * kDwConvBlock);
      weights += kKernelW * kDwConvBlock;
      if constexpr (kDirect) {
        accumulate_row<Ops, kKernelW, kStride>(
            [&](size_t column) { return wasm_v128_load(row + column * s.pixel_stride); }, w, acc,
            std::make_index_sequence<kColumns>());
        row += s.row_stride;
      } else {
        accumulate_row<Ops, kKernelW, kStride>(
            [&](size_t column) { return wasm_v128_load(addresses[column] + c); }, w, acc,
            std::make_index_sequence<kColumns>());
        addresses += kColumns;
      }
    }
    block += (s.taps() + 1) * kDwConvBlock;
    if (g.pixels == kDwConvPixels) {
      WHITTLE_UNROLL
      for (size_t j = 0; j < kDwConvPixels; ++j) {
        store.store4(g.pixel + j, c, kDwConvBlock, acc[j]);
      }
    } else {
      store.store4(g.pixel, c, kDwConvBlock, acc[0]);
      if (g.pixels > 1) store.store4(g.pixel + 1, c, kDwConvBlock, acc[1]);
      if (g.pixels > 2) store.store4(g.pixel + 2, c, kDwConvBlock, acc[2]);
    }
  }
}

// Any kernel; also the last, incomplete block of channels. taps: [row][kernel column][pixel].
template <typename Ops>
void dwconv_any(const DwConvGroup& g, IndexRange channels, const EpilogueStore& store) {
  const ConvShape& s = *g.shape;
  const size_t taps = (g.end_row - g.first_row) * s.kernel_w;
  const float* block = g.packed;
  for (size_t c = channels.begin; c < channels.end; c += kDwConvBlock) {
    const size_t count = channels.end - c;
    v128_t acc[kDwConvPixels];
    acc[0] = wasm_v128_load(block);
    WHITTLE_UNROLL
    for (size_t j = 1; j < kDwConvPixels; ++j) acc[j] = acc[0];
    const float* weights = block + (1 + g.first_row * s.kernel_w) * kDwConvBlock;
    const float* const* addresses = g.taps;
    for (size_t tap = 0; tap < taps; ++tap) {
      const v128_t w = wasm_v128_load(weights);
      WHITTLE_UNROLL
      for (size_t j = 0; j < kDwConvPixels; ++j) {
        const float* const x = addresses[j] + c;
        acc[j] = Ops::madd(count >= 4 ? wasm_v128_load(x) : load_partial(x, count), w, acc[j]);
      }
      weights += kDwConvBlock;
      addresses += kDwConvPixels;
    }
    block += (s.taps() + 1) * kDwConvBlock;
    store.store4(g.pixel, c, count, acc[0]);
    if (g.pixels > 1) store.store4(g.pixel + 1, c, count, acc[1]);
    if (g.pixels > 2) store.store4(g.pixel + 2, c, count, acc[2]);
    if (g.pixels > 3) store.store4(g.pixel + 3, c, count, acc[3]);
  }
}

// Address of an input pixel, zero_row outside the image (coordinates wrap around below zero).
inline const float* pixel_address(const ConvShape& s, const float* input, const float* zero_row,
                                  size_t y, size_t x) {
  return x < s.in_w ? input + y * s.row_stride + x * s.pixel_stride : zero_row;
}

// One output row, for kernels dwconv_columns knows.
template <typename Ops, size_t kKernelW, size_t kStride>
void dwconv_row(const ConvShape& s, const ConvArgs& args, DwConvGroup g, size_t oy,
                IndexRange channels, const EpilogueStore& store) {
  constexpr size_t kColumns = (kDwConvPixels - 1) * kStride + kKernelW;
  const float** const addresses = static_cast<const float**>(args.scratch);
  const size_t y0 = oy * s.stride_h - s.pad_top;
  for (size_t ox = 0; ox < s.out_w; ox += kDwConvPixels) {
    const size_t x0 = ox * kStride - s.pad_left;
    g.pixel = oy * s.out_w + ox;
    g.pixels = s.out_w - ox < kDwConvPixels ? s.out_w - ox : kDwConvPixels;
    if (x0 < s.in_w && x0 + kColumns <= s.in_w) {
      g.input = args.input + (y0 + g.first_row) * s.row_stride + x0 * s.pixel_stride;
      dwconv_columns<Ops, kKernelW, kStride, true>(g, channels, store);
    } else {
      const float** out = addresses;
      for (size_t ky = g.first_row; ky < g.end_row; ++ky) {
        for (size_t column = 0; column < kColumns; ++column) {
          *out++ = pixel_address(s, args.input, args.zero_row, y0 + ky, x0 + column);
        }
      }
      g.input = args.input;
      g.taps = addresses;
      dwconv_columns<Ops, kKernelW, kStride, false>(g, channels, store);
    }
  }
}

template <typename Ops>
void dwconv_row_any(const ConvShape& s, const ConvArgs& args, DwConvGroup g, size_t oy,
                    IndexRange channels, const EpilogueStore& store) {
  const float** const addresses = static_cast<const float**>(args.scratch);
  const size_t y0 = oy * s.stride_h - s.pad_top;
  for (size_t ox = 0; ox < s.out_w; ox += kDwConvPixels) {
    g.pixel = oy * s.out_w + ox;
    g.pixels = s.out_w - ox < kDwConvPixels ? s.out_w - ox : kDwConvPixels;
    const float** out = addresses;
    for (size_t ky = g.first_row; ky < g.end_row; ++ky) {
      for (size_t kx = 0; kx < s.kernel_w; ++kx) {
        for (size_t j = 0; j < kDwConvPixels; ++j) {
          const size_t x = (ox + j) * s.stride_w - s.pad_left + kx * s.dilation_w;
          *out++ = j < g.pixels
                       ? pixel_address(s, args.input, args.zero_row, y0 + ky * s.dilation_h, x)
                       : args.zero_row;
        }
      }
    }
    g.taps = addresses;
    dwconv_any<Ops>(g, channels, store);
  }
}

template <typename Ops>
void dwconv(const ConvShape& s, const ConvArgs& args, IndexRange out_rows, IndexRange channels) {
  const EpilogueStore store(args.epilogue, args.c, args.ldc);
  using Row = void (*)(const ConvShape&, const ConvArgs&, DwConvGroup, size_t, IndexRange,
                       const EpilogueStore&);
  Row columns = nullptr;
  if (s.dilation_w == 1 && s.dilation_h == 1) {
    if (s.kernel_w == 3 && s.stride_w == 1) columns = dwconv_row<Ops, 3, 1>;
    if (s.kernel_w == 3 && s.stride_w == 2) columns = dwconv_row<Ops, 3, 2>;
    if (s.kernel_w == 5 && s.stride_w == 1) columns = dwconv_row<Ops, 5, 1>;
    if (s.kernel_w == 5 && s.stride_w == 2) columns = dwconv_row<Ops, 5, 2>;
  }
  const size_t block_floats = (s.taps() + 1) * kDwConvBlock;
  IndexRange whole = channels;  // complete blocks of 4
  if (columns) whole.end -= channels.size() % kDwConvBlock;
  for (size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
    DwConvGroup g{};
    g.shape = &s;
    g.packed =
        static_cast<const float*>(args.packed) + channels.begin / kDwConvBlock * block_floats;
    const size_t y0 = oy * s.stride_h - s.pad_top;
    while (g.first_row < s.kernel_h && y0 + g.first_row * s.dilation_h >= s.in_h) ++g.first_row;
    g.end_row = g.first_row;
    while (g.end_row < s.kernel_h && y0 + g.end_row * s.dilation_h < s.in_h) ++g.end_row;
    if (columns) columns(s, args, g, oy, whole, store);
    if (!columns || whole.end < channels.end) {
      const IndexRange rest{columns ? whole.end : channels.begin, channels.end};
      g.packed += (rest.begin - channels.begin) / kDwConvBlock * block_floats;
      dwconv_row_any<Ops>(s, args, g, oy, rest, store);
    }
    if (args.epilogue.unary) {
      for (size_t p = oy * s.out_w; p < (oy + 1) * s.out_w; ++p) {
        float* const y = args.c + p * args.ldc + channels.begin;
        args.epilogue.unary(y, y, channels.size(), args.epilogue.unary_params);
      }
    }
  }
}

}  // namespace whittle::simd
