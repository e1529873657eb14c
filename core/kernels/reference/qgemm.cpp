// acc[m, n] = bias[n] + sum over k of (A[m, k] - a_zero_point) * W[k, n] in int32, then the
// epilogue of QOutput; for a convolution k = (tap, channel) and padding reads zero_row.

#include "core/kernels/pack.h"
#include "core/kernels/reference/reference.h"
#include "core/kernels/reference/scalar.h"

namespace whittle::reference {
namespace {

constexpr TileShape kTile{1, 1, 1};  // a panel is one column

template <QWeightKind kind>
struct Column {
  const char* panel;

  Column(const void* packed, size_t k, size_t col)
      : panel(static_cast<const char*>(packed) +
              col * panel_bytes(kind, PackShape{1, k, 1}, kTile)) {}
  int32_t bias() const { return reinterpret_cast<const int32_t*>(panel)[0]; }
  float scale() const { return reinterpret_cast<const float*>(panel)[2]; }
  float fbias() const { return reinterpret_cast<const float*>(panel)[3]; }
  int32_t weight(size_t k) const {
    if constexpr (kind == QWeightKind::s8) {
      return reinterpret_cast<const int8_t*>(panel + 16)[k];
    } else {
      return reinterpret_cast<const int16_t*>(panel + 16)[k];
    }
  }
};

template <QWeightKind kind>
void qgemm(const QGemmArgs& args, IndexRange rows, IndexRange cols) {
  for (size_t m = rows.begin; m < rows.end; ++m) {
    for (size_t n = cols.begin; n < cols.end; ++n) {
      const Column<kind> column(args.packed, args.k, n);
      int32_t acc = column.bias();
      for (size_t k = 0; k < args.k; ++k) {
        acc += (read_byte(args.a, args.a_signed, m * args.lda + k) - args.a_zero_point) *
               column.weight(k);
      }
      store_quantized(args.epilogue, column.scale(), column.fbias(), acc, args.c, args.ldc, m, n);
    }
  }
}

template <QWeightKind kind>
void qconv(const ConvShape& s, const QConvArgs& args, IndexRange pixels, IndexRange cols) {
  for (size_t p = pixels.begin; p < pixels.end; ++p) {
    for (size_t n = cols.begin; n < cols.end; ++n) {
      const Column<kind> column(args.packed, s.taps() * s.kc, n);
      int32_t acc = column.bias();
      for (size_t ky = 0; ky < s.kernel_h; ++ky) {
        for (size_t kx = 0; kx < s.kernel_w; ++kx) {
          size_t offset = 0;
          const bool inside = tap_offset(s, p / s.out_w, p % s.out_w, ky, kx, &offset);
          const void* x = inside ? args.input : args.zero_row;
          for (size_t c = 0; c < s.kc; ++c) {
            acc += (read_byte(x, args.a_signed, offset + c) - args.a_zero_point) *
                   column.weight((ky * s.kernel_w + kx) * s.kc + c);
          }
        }
      }
      store_quantized(args.epilogue, column.scale(), column.fbias(), acc, args.c, args.ldc, p, n);
    }
  }
}

}  // namespace

void fill_qgemm(KernelTable& table) {
  table.qgemm_tile = {kTile, kTile};
  table.qgemm = {qgemm<QWeightKind::s8>, qgemm<QWeightKind::s16>};
  table.qconv = {qconv<QWeightKind::s8>, qconv<QWeightKind::s16>};
}

}  // namespace whittle::reference
