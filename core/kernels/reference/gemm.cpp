// C[m, n] = epilogue(bias[n] + sum over k of A[m, k] * W[k, n]), and the same with A's row of k
// values replaced by the taps of a convolution: k = (tap, channel).

#include "core/base/half.h"
#include "core/kernels/pack.h"
#include "core/kernels/reference/reference.h"
#include "core/kernels/reference/scalar.h"

namespace whittle::reference {
namespace {

constexpr TileShape kTile{1, 1, 1};  // a panel is one column

// One packed column, read as float whatever it is stored as.
template <WeightKind kind>
struct Column {
  const char* panel;

  Column(const void* packed, size_t k, size_t col)
      : panel(static_cast<const char*>(packed) +
              col * panel_bytes(kind, PackShape{1, k, 1}, kTile)) {}
  float bias() const { return reinterpret_cast<const float*>(panel)[0]; }
  float weight(size_t k) const {
    if constexpr (kind == WeightKind::f32) {
      return reinterpret_cast<const float*>(panel)[1 + k];
    } else if constexpr (kind == WeightKind::f16) {
      return half_to_float(reinterpret_cast<const uint16_t*>(panel + sizeof(float))[k]);
    } else {
      const float scale = reinterpret_cast<const float*>(panel)[1];
      const int32_t zero_point = reinterpret_cast<const int32_t*>(panel)[2];
      const int32_t q = reinterpret_cast<const int8_t*>(panel + 3 * sizeof(float))[k];
      return static_cast<float>(q - zero_point) * scale;
    }
  }
};

template <WeightKind kind>
void gemm(const GemmArgs& args, IndexRange rows, IndexRange cols) {
  for (size_t m = rows.begin; m < rows.end; ++m) {
    for (size_t n = cols.begin; n < cols.end; ++n) {
      const Column<kind> column(args.packed, args.k, n);
      float acc = column.bias();
      for (size_t k = 0; k < args.k; ++k) acc += args.a[m * args.lda + k] * column.weight(k);
      args.c[m * args.ldc + n] = finish(args.epilogue, acc, m, n);
    }
  }
}

template <WeightKind kind>
void conv(const ConvShape& s, const ConvArgs& args, IndexRange pixels, IndexRange cols) {
  for (size_t p = pixels.begin; p < pixels.end; ++p) {
    for (size_t n = cols.begin; n < cols.end; ++n) {
      const Column<kind> column(args.packed, s.taps() * s.kc, n);
      float acc = column.bias();
      for (size_t ky = 0; ky < s.kernel_h; ++ky) {
        for (size_t kx = 0; kx < s.kernel_w; ++kx) {
          size_t offset = 0;
          const bool inside = tap_offset(s, p / s.out_w, p % s.out_w, ky, kx, &offset);
          const float* x = inside ? args.input + offset : args.zero_row;
          for (size_t c = 0; c < s.kc; ++c) {
            acc += x[c] * column.weight((ky * s.kernel_w + kx) * s.kc + c);
          }
        }
      }
      args.c[p * args.ldc + n] = finish(args.epilogue, acc, p, n);
    }
  }
}

void pack_b(const float* b, size_t stride_k, size_t stride_n, size_t k, size_t, IndexRange cols,
            void* packed) {
  const size_t pitch = panel_bytes(WeightKind::f32, PackShape{1, k, 1}, kTile);
  for (size_t n = cols.begin; n < cols.end; ++n) {
    float* panel = reinterpret_cast<float*>(static_cast<char*>(packed) + n * pitch);
    panel[0] = 0.0f;
    for (size_t i = 0; i < k; ++i) panel[1 + i] = b[i * stride_k + n * stride_n];
  }
}

}  // namespace

void fill_gemm(KernelTable& table) {
  table.gemm_tile = kTile;
  table.gemm = {gemm<WeightKind::f32>, gemm<WeightKind::f16>, gemm<WeightKind::s8>};
  table.conv = {conv<WeightKind::f32>, conv<WeightKind::f16>, conv<WeightKind::s8>};
  table.pack_b = pack_b;
}

}  // namespace whittle::reference
