// C[m, n] = epilogue(bias[n] + sum over k of A[m, k] * W[k, n]), and the same with A's row of k
// values replaced by the taps of a convolution: k = (tap, channel).

#include <type_traits>

#include "core/base/half.h"
#include "core/kernels/code_layout.h"
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

  Column(const void* packed, const PackShape& shape, const CodeTable&, size_t col)
      : panel(static_cast<const char*>(packed) + col * panel_bytes(kind, shape, kTile)) {}
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

// The same for codes: (table[first + code] - zero_point) * scale.
template <WeightKind kind>
struct CodedColumn {
  const char* panel;
  const float* table;
  PackShape shape;
  CodeLayout layout;

  CodedColumn(const void* packed, const PackShape& s, const CodeTable& codes, size_t col)
      : panel(static_cast<const char*>(packed) + col * panel_bytes(kind, s, kTile)),
        table(codes.values),
        shape(s),
        layout(kind, s, 1) {}
  float bias() const { return reinterpret_cast<const float*>(panel)[0]; }
  float weight(size_t k) const {
    const size_t tap = shape.block == 0 ? 0 : k / shape.kc;
    const size_t c = k - tap * shape.kc;
    const size_t run = c / layout.run_rows;
    const size_t row = c - run * layout.run_rows;
    const char* const at = panel + layout.run_at(tap, run);
    const float scale = reinterpret_cast<const float*>(at)[0];
    const int16_t zero_point = reinterpret_cast<const int16_t*>(at + sizeof(float))[0];
    const uint8_t byte =
        static_cast<uint8_t>(at[layout.run_header_bytes() + layout.byte_of(row, 0)]);
    if (kind == WeightKind::code8 && table == nullptr) {
      return static_cast<float>(static_cast<int8_t>(byte) - zero_point) * scale;
    }
    const int32_t first = reinterpret_cast<const int32_t*>(panel)[1];
    const uint8_t code = kind == WeightKind::code8         ? byte
                         : CodeLayout::in_high_nibble(row) ? byte >> 4
                                                           : byte & 15;
    return (table[first + code] - static_cast<float>(zero_point)) * scale;
  }
};

template <WeightKind kind>
using ColumnOf = std::conditional_t<kind == WeightKind::code4 || kind == WeightKind::code8,
                                    CodedColumn<kind>, Column<kind>>;

template <WeightKind kind>
void gemm(const GemmArgs& args, IndexRange rows, IndexRange cols) {
  for (size_t m = rows.begin; m < rows.end; ++m) {
    for (size_t n = cols.begin; n < cols.end; ++n) {
      const ColumnOf<kind> column(args.packed, {1, args.k, 1, args.codes.block}, args.codes, n);
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
      const PackShape pack{s.taps(), s.kc, 1, args.codes.block};
      const ColumnOf<kind> column(args.packed, pack, args.codes, n);
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
  table.gemm = {gemm<WeightKind::f32>, gemm<WeightKind::f16>, gemm<WeightKind::s8>,
                gemm<WeightKind::code4>, gemm<WeightKind::code8>};
  table.conv = {conv<WeightKind::f32>, conv<WeightKind::f16>, conv<WeightKind::s8>,
                conv<WeightKind::code4>, conv<WeightKind::code8>};
  table.pack_b = pack_b;
}

}  // namespace whittle::reference
