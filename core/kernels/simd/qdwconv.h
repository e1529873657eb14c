#pragma once

// Integer depthwise convolution, NHWC, 8 channels x 4 neighbouring output pixels at a time.
// Padding reads zero_row, since the packed column sums cover every tap.

#include <cstddef>
#include <cstdint>

#include "core/kernels/pack.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/qgemm.h"
#include "core/kernels/simd/qstore.h"
#include "core/kernels/tiling.h"

namespace whittle::simd {

constexpr size_t kQDwConvBlock = 8;

// Bytes of two rows alternating.
inline v128_t interleave_bytes(v128_t a, v128_t b) {
  return wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// Pairs of taps in 16 bits; see WideDot.
template <typename W, bool kSignedA>
struct WideDepthwise {
  using Weight = W;
  static constexpr size_t kGroup = 2;

  static int32_t seen_zero_point(int32_t zero_point) { return zero_point; }

  static v128_t load_weights(const W* w) {
    if constexpr (sizeof(W) == 1) return wasm_i16x8_load8x8(w);
    return wasm_v128_load(w);
  }
  // One group of taps of all pixels. load(i, j): 8 channels of tap i at pixel j.
  template <typename Load>
  static void accumulate(const Load& load, const W* w, v128_t (&acc)[kDwConvPixels][2]) {
    const v128_t w0 = load_weights(w);
    const v128_t w1 = load_weights(w + 8);
    WHITTLE_UNROLL
    for (size_t j = 0; j < kDwConvPixels; ++j) {
      const v128_t x = interleave_bytes(load(0, j), load(1, j));
      const v128_t low = kSignedA ? wasm_i16x8_extend_low_i8x16(x) : wasm_u16x8_extend_low_u8x16(x);
      const v128_t high =
          kSignedA ? wasm_i16x8_extend_high_i8x16(x) : wasm_u16x8_extend_high_u8x16(x);
      acc[j][0] = wasm_i32x4_add(acc[j][0], wasm_i32x4_dot_i16x8(low, w0));
      acc[j][1] = wasm_i32x4_add(acc[j][1], wasm_i32x4_dot_i16x8(high, w1));
    }
  }
};

// One group of output pixels. addresses: [kernel column][kernel row, rounded up][pixel].
struct QDwConvGroup {
  const ConvShape* shape;
  const char* packed;  // first block of the channel range
  size_t block_bytes;
  const uint8_t* const* addresses;
  v128_t zero_point;
  size_t pixel;
  size_t pixels;  // 1 .. kDwConvPixels
};

template <typename Dot>
void qdwconv_group(const QDwConvGroup& g, IndexRange channels, const QStore& store) {
  const ConvShape& s = *g.shape;
  const size_t groups = s.kernel_w * ((s.kernel_h + Dot::kGroup - 1) / Dot::kGroup);
  const char* block = g.packed;
  for (size_t c = channels.begin; c < channels.end; c += kQDwConvBlock, block += g.block_bytes) {
    const size_t count = channels.end - c;
    const int32_t* const header = reinterpret_cast<const int32_t*>(block);
    v128_t acc[kDwConvPixels][2];
    start_sums(header, g.zero_point, &acc[0][0], &acc[0][1]);
    WHITTLE_UNROLL
    for (size_t j = 1; j < kDwConvPixels; ++j) {
      acc[j][0] = acc[0][0];
      acc[j][1] = acc[0][1];
    }
    const auto* w = reinterpret_cast<const typename Dot::Weight*>(header + 4 * kQDwConvBlock);
    const uint8_t* const* addresses = g.addresses;
    for (size_t group = 0; group < groups; ++group) {
      if (count >= kQDwConvBlock) {
        Dot::accumulate(
            [&](size_t tap, size_t j) {
              return wasm_v128_load64_zero(addresses[tap * kDwConvPixels + j] + c);
            },
            w, acc);
      } else {
        Dot::accumulate(
            [&](size_t tap, size_t j) {
              return load_bytes(addresses[tap * kDwConvPixels + j] + c, count);
            },
            w, acc);
      }
      addresses += Dot::kGroup * kDwConvPixels;
      w += Dot::kGroup * kQDwConvBlock;
    }
    const float* const scale = reinterpret_cast<const float*>(header + 2 * kQDwConvBlock);
    if (g.pixels == kDwConvPixels) {
      store.store_tile<kDwConvPixels>(g.pixel, c, count, scale, acc);
    } else {
      for (size_t j = 0; j < g.pixels; ++j) {
        const v128_t one[1][2] = {{acc[j][0], acc[j][1]}};
        store.store_tile<1>(g.pixel + j, c, count, scale, one);
      }
    }
  }
}

// Addresses of a group at output (oy, ox); kernel rows past the last and pixels past the row read
// zero_row (their weights are zero, their sums are not stored).
template <size_t kGroup>
void qdwconv_addresses(const ConvShape& s, const QConvArgs& args, size_t oy, size_t ox,
                       const uint8_t** out) {
  const uint8_t* const input = static_cast<const uint8_t*>(args.input);
  const uint8_t* const zero_row = static_cast<const uint8_t*>(args.zero_row);
  const size_t rows = (s.kernel_h + kGroup - 1) / kGroup * kGroup;
  for (size_t kx = 0; kx < s.kernel_w; ++kx) {
    for (size_t ky = 0; ky < rows; ++ky) {
      const size_t y = oy * s.stride_h - s.pad_top + ky * s.dilation_h;
      const bool row_inside = ky < s.kernel_h && y < s.in_h;
      for (size_t j = 0; j < kDwConvPixels; ++j) {
        const size_t x = (ox + j) * s.stride_w - s.pad_left + kx * s.dilation_w;
        const bool inside = row_inside && x < s.in_w && ox + j < s.out_w;
        *out++ = inside ? input + y * s.row_stride + x * s.pixel_stride : zero_row;
      }
    }
  }
}

template <typename Dot>
void qdwconv_with(const ConvShape& s, const QConvArgs& args, IndexRange out_rows,
                  IndexRange channels) {
  const QStore store(args.epilogue, args.c, args.ldc);
  const uint8_t** const addresses = static_cast<const uint8_t**>(args.scratch);
  QDwConvGroup g;
  g.shape = &s;
  g.block_bytes = qdwconv_packed_bytes(weight_kind<Dot>(), s.kernel_h, s.kernel_w, 1,
                                       DwTile{kQDwConvBlock, Dot::kGroup});
  g.packed = static_cast<const char*>(args.packed) + channels.begin / kQDwConvBlock * g.block_bytes;
  g.addresses = addresses;
  g.zero_point = wasm_i32x4_splat(Dot::seen_zero_point(args.a_zero_point));
  for (size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
    for (size_t ox = 0; ox < s.out_w; ox += kDwConvPixels) {
      g.pixel = oy * s.out_w + ox;
      g.pixels = s.out_w - ox < kDwConvPixels ? s.out_w - ox : kDwConvPixels;
      qdwconv_addresses<Dot::kGroup>(s, args, oy, ox, addresses);
      qdwconv_group<Dot>(g, channels, store);
    }
    apply_q_unary(args.epilogue, args.c, args.ldc, oy * s.out_w, s.out_w, channels);
  }
}

template <typename UnsignedDot, typename SignedDot>
void qdwconv(const ConvShape& shape, const QConvArgs& args, IndexRange out_rows,
             IndexRange channels) {
  if (args.a_signed) return qdwconv_with<SignedDot>(shape, args, out_rows, channels);
  qdwconv_with<UnsignedDot>(shape, args, out_rows, channels);
}

}  // namespace whittle::simd
