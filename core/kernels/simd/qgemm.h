#pragma once

// Integer GEMM and convolution over packed weights. `Dot` multiplies a tap of a tile (WideDot,
// relaxed::QuadDot); the walk over blocks, panels and tiles is that of the float kernels.

#include <cstddef>
#include <type_traits>

#include "core/kernels/pack.h"
#include "core/kernels/simd/blocks.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/qstore.h"

namespace whittle::simd {

constexpr size_t kQColumns = 8;

template <typename Dot>
constexpr TileShape qgemm_tile() {
  return TileShape{Dot::kRows, kQColumns, Dot::kGroup};
}

template <typename Dot>
constexpr QWeightKind weight_kind() {
  return sizeof(typename Dot::Weight) == 1 ? QWeightKind::s8 : QWeightKind::s16;
}

struct QBlock {
  const void* const* pointers;  // [tile][tap][row in tile]
  size_t taps;
  size_t kc;
  const char* packed;
  size_t pitch;  // bytes from panel to panel
  size_t n;
  v128_t zero_point;
  const QStore* store;
  size_t first_row;
};

template <typename Dot, size_t kRows, size_t kPanels>
void run_qtile(const QBlock& b, const void* const* pointers, const char* panel, size_t row,
               size_t col) {
  v128_t acc[kPanels][kRows][2];
  const typename Dot::Weight* w[kPanels];
  WHITTLE_UNROLL
  for (size_t p = 0; p < kPanels; ++p) {
    const int32_t* const header = reinterpret_cast<const int32_t*>(panel + p * b.pitch);
    w[p] = reinterpret_cast<const typename Dot::Weight*>(header + 4 * kQColumns);
    start_sums(header, b.zero_point, &acc[p][0][0], &acc[p][0][1]);
    WHITTLE_UNROLL
    for (size_t i = 1; i < kRows; ++i) {
      acc[p][i][0] = acc[p][0][0];
      acc[p][i][1] = acc[p][0][1];
    }
  }
  for (size_t tap = 0; tap < b.taps; ++tap, pointers += Dot::kRows) {
    Dot::multiply(pointers, w, b.kc, acc);
  }
  WHITTLE_UNROLL
  for (size_t p = 0; p < kPanels; ++p) {
    const size_t c = col + p * kQColumns;
    const float* const scale = reinterpret_cast<const float*>(panel + p * b.pitch) + 2 * kQColumns;
    b.store->store_tile(row, c, b.n - c, scale, acc[p]);
  }
}

template <typename Dot>
void run_qrows(const QBlock& b, size_t rows, const void* const* pointers, const char* panel,
               size_t row, size_t col) {
  const auto run = [&](auto count) {
    run_qtile<Dot, decltype(count)::value, 1>(b, pointers, panel, row, col);
  };
  switch (rows) {
    case 1:
      return run(std::integral_constant<size_t, 1>());
    case 2:
      return run(std::integral_constant<size_t, 2>());
    case 3:
      return run(std::integral_constant<size_t, 3>());
    case 4:
      return run(std::integral_constant<size_t, 4>());
    default:
      if constexpr (Dot::kRows > 4) {
        if (rows == 5) return run(std::integral_constant<size_t, 5>());
        return run(std::integral_constant<size_t, 6>());
      }
  }
}

// A single row takes several panels at once: more accumulators hide the latency.
template <typename Dot>
[[gnu::noinline]] void run_qblock(const QBlock& b, const EvenSplit& tiles, IndexRange cols) {
  constexpr size_t kWide = 4;
  const char* panel = b.packed + cols.begin / kQColumns * b.pitch;
  size_t col = cols.begin;
  if (tiles.begin(tiles.parts()) == 1) {
    for (; col + (kWide - 1) * kQColumns < cols.end; col += kWide * kQColumns) {
      run_qtile<Dot, 1, kWide>(b, b.pointers, panel, b.first_row, col);
      panel += kWide * b.pitch;
    }
  }
  for (; col < cols.end; col += kQColumns, panel += b.pitch) {
    for (size_t t = 0; t < tiles.parts(); ++t) {
      run_qrows<Dot>(b, tiles.size(t), b.pointers + t * b.taps * Dot::kRows, panel,
                     b.first_row + tiles.begin(t), col);
    }
  }
}

inline void apply_q_unary(const QEpilogue& e, void* c, size_t ldc, size_t first_row, size_t rows,
                          IndexRange cols) {
  if (e.output != QOutput::f32 || !e.float_epilogue.unary) return;
  for (size_t row = first_row; row < first_row + rows; ++row) {
    float* const y = static_cast<float*>(c) + row * ldc + cols.begin;
    e.float_epilogue.unary(y, y, cols.size(), e.float_epilogue.unary_params);
  }
}

template <typename Dot>
void qgemm_with(const QGemmArgs& args, IndexRange rows, IndexRange cols) {
  const QStore store(args.epilogue, args.c, args.ldc);
  const void* pointers[kTilesPerBlock * Dot::kRows];
  QBlock block{pointers,
               1,
               args.k,
               static_cast<const char*>(args.packed),
               panel_bytes(weight_kind<Dot>(), PackShape{1, args.k, args.n}, qgemm_tile<Dot>()),
               args.n,
               wasm_i32x4_splat(Dot::seen_zero_point(args.a_zero_point)),
               &store,
               0};
  for_each_block<Dot::kRows>(rows, [&](size_t first_row, const EvenSplit& tiles) {
    matrix_pointers<Dot::kRows>(static_cast<const char*>(args.a), args.lda, first_row, tiles,
                                pointers);
    block.first_row = first_row;
    run_qblock<Dot>(block, tiles, cols);
    apply_q_unary(args.epilogue, args.c, args.ldc, first_row, tiles.begin(tiles.parts()), cols);
  });
}

template <typename Dot>
void qconv_with(const ConvShape& s, const QConvArgs& args, IndexRange pixels, IndexRange cols) {
  const QStore store(args.epilogue, args.c, args.ldc);
  const void** const pointers = static_cast<const void**>(args.scratch);
  QBlock block{
      pointers,
      s.taps(),
      s.kc,
      static_cast<const char*>(args.packed),
      panel_bytes(weight_kind<Dot>(), PackShape{s.taps(), s.kc, args.n}, qgemm_tile<Dot>()),
      args.n,
      wasm_i32x4_splat(Dot::seen_zero_point(args.a_zero_point)),
      &store,
      0};
  for_each_block<Dot::kRows>(pixels, [&](size_t first, const EvenSplit& tiles) {
    conv_pointers<Dot::kRows>(s, static_cast<const char*>(args.input), args.zero_row, 1, first,
                              tiles, pointers);
    block.first_row = first;
    run_qblock<Dot>(block, tiles, cols);
    apply_q_unary(args.epilogue, args.c, args.ldc, first, tiles.begin(tiles.parts()), cols);
  });
}

// Table entries: the signedness of A picks the dot product.
template <typename UnsignedDot, typename SignedDot>
void qgemm(const QGemmArgs& args, IndexRange rows, IndexRange cols) {
  if (args.a_signed) return qgemm_with<SignedDot>(args, rows, cols);
  qgemm_with<UnsignedDot>(args, rows, cols);
}

template <typename UnsignedDot, typename SignedDot>
void qconv(const ConvShape& shape, const QConvArgs& args, IndexRange pixels, IndexRange cols) {
  if (args.a_signed) return qconv_with<SignedDot>(shape, args, pixels, cols);
  qconv_with<UnsignedDot>(shape, args, pixels, cols);
}

}  // namespace whittle::simd
