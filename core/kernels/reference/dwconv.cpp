// Depthwise: C[pixel, c] = epilogue(bias[c] + sum over taps of input[tap, c] * W[tap, c]).

#include "core/kernels/pack.h"
#include "core/kernels/reference/reference.h"
#include "core/kernels/reference/scalar.h"

namespace whittle::reference {
namespace {

void dwconv(const ConvShape& s, const ConvArgs& args, IndexRange out_rows, IndexRange channels) {
  const float* const packed = static_cast<const float*>(args.packed);
  for (size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
    for (size_t ox = 0; ox < s.out_w; ++ox) {
      for (size_t c = channels.begin; c < channels.end; ++c) {
        const float* const column = packed + c * (s.taps() + 1);
        float acc = column[0];
        for (size_t ky = 0; ky < s.kernel_h; ++ky) {
          for (size_t kx = 0; kx < s.kernel_w; ++kx) {
            size_t offset = 0;
            const bool inside = tap_offset(s, oy, ox, ky, kx, &offset);
            const float x = inside ? args.input[offset + c] : args.zero_row[c];
            acc += x * column[1 + ky * s.kernel_w + kx];
          }
        }
        const size_t pixel = oy * s.out_w + ox;
        args.c[pixel * args.ldc + c] = finish(args.epilogue, acc, pixel, c);
      }
    }
  }
}

template <QWeightKind kind>
void qdwconv(const ConvShape& s, const QConvArgs& args, IndexRange out_rows, IndexRange channels) {
  const size_t pitch = qdwconv_packed_bytes(kind, s.kernel_h, s.kernel_w, 1, DwTile{1, 1});
  for (size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
    for (size_t ox = 0; ox < s.out_w; ++ox) {
      for (size_t c = channels.begin; c < channels.end; ++c) {
        const char* const column = static_cast<const char*>(args.packed) + c * pitch;
        int32_t acc = reinterpret_cast<const int32_t*>(column)[0];
        for (size_t ky = 0; ky < s.kernel_h; ++ky) {
          for (size_t kx = 0; kx < s.kernel_w; ++kx) {
            size_t offset = 0;
            const bool inside = tap_offset(s, oy, ox, ky, kx, &offset);
            const void* x = inside ? args.input : args.zero_row;
            const size_t tap = kx * s.kernel_h + ky;
            const int32_t w = kind == QWeightKind::s8
                                  ? reinterpret_cast<const int8_t*>(column + 16)[tap]
                                  : reinterpret_cast<const int16_t*>(column + 16)[tap];
            acc += (read_byte(x, args.a_signed, offset + c) - args.a_zero_point) * w;
          }
        }
        const float* const scales = reinterpret_cast<const float*>(column);
        store_quantized(args.epilogue, scales[2], scales[3], acc, args.c, args.ldc,
                        oy * s.out_w + ox, c);
      }
    }
  }
}

}  // namespace

void fill_dwconv(KernelTable& table) {
  table.dwconv_block = 1;
  table.dwconv = dwconv;
  table.qdwconv_tile = {DwTile{1, 1}, DwTile{1, 1}};
  table.qdwconv = {qdwconv<QWeightKind::s8>, qdwconv<QWeightKind::s16>};
}

}  // namespace whittle::reference
