#pragma once

// Float GEMM and convolution over packed weights: one register tile, two ways to find rows of A.

#include <cstddef>
#include <type_traits>

#include "core/kernels/pack.h"
#include "core/kernels/simd/blocks.h"
#include "core/kernels/simd/code_panels.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/float_tile.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/narrow_panels.h"

namespace whittle::simd {

template <typename Ops>
constexpr TileShape gemm_tile() {
  return TileShape{Ops::kGemmRows, PanelF32::kColumns, 1};
}

// The packed weights of one call.
struct PanelSet {
  const char* packed;
  size_t pitch;  // bytes from panel to panel
  size_t n;
};

// Weights that one row of A reads as they are.
template <typename PanelType>
struct PlainPanels : PanelSet {
  using Panel = PanelType;
  static constexpr bool kNarrow = !std::is_same_v<Panel, PanelF32>;
  static constexpr bool kCoded = false;

  PlainPanels(WeightKind kind, const PackShape& shape, const TileShape& tile, const void* weights,
              const CodeTable&)
      : PanelSet{static_cast<const char*>(weights), panel_bytes(kind, shape, tile), shape.n} {}
  // A panel as PanelF32 reads it.
  void widen(const char* panel, size_t rows, float* out) const {
    widen_panel<Panel>(panel, rows, out);
  }
};

// Weights that are widened before any row of A meets them.
template <WeightKind kind>
struct CodedPanels : PanelSet {
  using Panel = PanelF32;
  static constexpr bool kNarrow = true;
  static constexpr bool kCoded = true;

  CodeLayout layout;
  const float* table;

  CodedPanels(WeightKind, const PackShape& shape, const TileShape& tile, const void* weights,
              const CodeTable& codes)
      : PanelSet{static_cast<const char*>(weights), panel_bytes(kind, shape, tile), shape.n},
        layout(kind, shape, tile.nr),
        table(codes.values) {}
  CodePanel<kind> at(const char* panel) const { return {panel, layout, table}; }
  void widen(const char* panel, size_t, float* out) const {
    const CodePanel<kind> coded = at(panel);
    wasm_v128_store(out, wasm_v128_load(coded.bias()));
    wasm_v128_store(out + 4, wasm_v128_load(coded.bias() + 4));
    out += CodePanel<kind>::kColumns;
    for (size_t tap = 0; tap < layout.taps; ++tap) {
      for (size_t run = 0; run < layout.runs_per_tap; ++run) {
        const size_t rows = layout.rows_of(run);
        coded.widen(tap, run, 0, rows, out);
        out += rows * CodePanel<kind>::kColumns;
      }
    }
  }
};

template <WeightKind kind>
using PanelsOf = std::conditional_t<
    kind == WeightKind::f32, PlainPanels<PanelF32>,
    std::conditional_t<
        kind == WeightKind::f16, PlainPanels<PanelF16>,
        std::conditional_t<kind == WeightKind::s8, PlainPanels<PanelS8>, CodedPanels<kind>>>>;

// kRows rows x kPanels panels, stored at (row, col).
template <typename Ops, size_t kRows, size_t kPanels, typename Panel>
void run_tile(const void* const* pointers, size_t taps, size_t kc, const char* panel, size_t pitch,
              const EpilogueStore& store, size_t row, size_t col, size_t n) {
  constexpr size_t kColumns = PanelF32::kColumns;
  FloatTile<kRows, kPanels> tile;
  if constexpr (kPanels == 1) {
    Panel panels[1] = {Panel(panel)};
    multiply<Ops>(pointers, Ops::kGemmRows, taps, kc, panels, tile);
  } else if constexpr (kPanels == 2) {
    Panel panels[2] = {Panel(panel), Panel(panel + pitch)};
    multiply<Ops>(pointers, Ops::kGemmRows, taps, kc, panels, tile);
  } else {
    Panel panels[4] = {Panel(panel), Panel(panel + pitch), Panel(panel + 2 * pitch),
                       Panel(panel + 3 * pitch)};
    multiply<Ops>(pointers, Ops::kGemmRows, taps, kc, panels, tile);
  }
  WHITTLE_UNROLL
  for (size_t p = 0; p < kPanels; ++p) {
    WHITTLE_UNROLL
    for (size_t i = 0; i < kRows; ++i) {
      store.store8(row + i, col + p * kColumns, n - col - p * kColumns, tile.acc[i][p][0],
                   tile.acc[i][p][1]);
    }
  }
}

// Few rows leave accumulators free, and too few of them cannot hide the latency of the
// multiply-add: one row takes kWide panels at a time, two rows take two.
template <typename Ops, size_t kRows, size_t kWide, typename Panel>
void run_flat(const void* const* pointers, size_t taps, size_t kc, const PanelSet& panels,
              const EpilogueStore& store, size_t row, IndexRange cols) {
  constexpr size_t kColumns = PanelF32::kColumns;
  const char* panel = panels.packed + cols.begin / kColumns * panels.pitch;
  size_t col = cols.begin;
  for (; col + (kWide - 1) * kColumns < cols.end; col += kWide * kColumns) {
    run_tile<Ops, kRows, kWide, Panel>(pointers, taps, kc, panel, panels.pitch, store, row, col,
                                       panels.n);
    panel += kWide * panels.pitch;
  }
  for (; col < cols.end; col += kColumns, panel += panels.pitch) {
    run_tile<Ops, kRows, 1, Panel>(pointers, taps, kc, panel, panels.pitch, store, row, col,
                                   panels.n);
  }
}

// Rows of a widened slice.
struct WidenedRows {
  const float* weights;

  template <size_t k>
  void load(v128_t* w0, v128_t* w1) const {
    *w0 = wasm_v128_load(weights + k * PanelF32::kColumns);
    *w1 = wasm_v128_load(weights + k * PanelF32::kColumns + 4);
  }
  void advance(size_t k) { weights += k * PanelF32::kColumns; }
};

// One row of A against kPanels coded panels: slices are widened, then multiplied while they are in
// the first-level cache.
template <typename Ops, size_t kPanels, WeightKind kind>
void run_coded(const float* a, const CodedPanels<kind>& panels, const char* panel,
               const EpilogueStore& store, size_t row, size_t col, float* widened) {
  constexpr size_t kColumns = PanelF32::kColumns;
  constexpr size_t kPitch = (kCodeSlice + kCodeRows) * kColumns;
  CodePanel<kind> coded[kPanels];
  FloatTile<1, kPanels> tile;
  for (size_t p = 0; p < kPanels; ++p) {
    coded[p] = panels.at(panel + p * panels.pitch);
    tile.acc[0][p][0] = wasm_v128_load(coded[p].bias());
    tile.acc[0][p][1] = wasm_v128_load(coded[p].bias() + 4);
  }
  const float* rows[1] = {a};
  for (size_t run = 0; run < panels.layout.runs_per_tap; ++run) {
    const size_t all = panels.layout.rows_of(run);
    for (size_t first = 0; first < all; first += kCodeSlice) {
      const size_t count = all - first < kCodeSlice ? all - first : kCodeSlice;
      WidenedRows slices[kPanels];
      for (size_t p = 0; p < kPanels; ++p) {
        slices[p].weights = widened + p * kPitch;
        coded[p].widen(0, run, first, count, widened + p * kPitch);
      }
      accumulate<Ops>(rows, count, slices, tile);
    }
  }
  for (size_t p = 0; p < kPanels; ++p) {
    store.store8(row, col + p * kColumns, panels.n - col - p * kColumns, tile.acc[0][p][0],
                 tile.acc[0][p][1]);
  }
}

template <typename Ops, WeightKind kind>
void run_coded_row(const float* a, const CodedPanels<kind>& panels, const EpilogueStore& store,
                   size_t row, IndexRange cols, float* widened) {
  constexpr size_t kColumns = PanelF32::kColumns;
  const char* panel = panels.packed + cols.begin / kColumns * panels.pitch;
  size_t col = cols.begin;
  for (; col + (kCodePanels - 1) * kColumns < cols.end; col += kCodePanels * kColumns) {
    run_coded<Ops, kCodePanels>(a, panels, panel, store, row, col, widened);
    panel += kCodePanels * panels.pitch;
  }
  for (; col < cols.end; col += kColumns, panel += panels.pitch) {
    run_coded<Ops, 1>(a, panels, panel, store, row, col, widened);
  }
}

// One panel against a tile of 1 .. kGemmRows rows.
template <typename Ops>
void run_rows(size_t rows, const void* const* pointers, size_t taps, size_t kc, const char* panel,
              const EpilogueStore& store, size_t row, size_t col, size_t n) {
  const auto run = [&](auto count) {
    run_tile<Ops, decltype(count)::value, 1, PanelF32>(pointers, taps, kc, panel, 0, store, row,
                                                       col, n);
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
      if constexpr (Ops::kGemmRows > 4) {
        if (rows == 5) return run(std::integral_constant<size_t, 5>());
        return run(std::integral_constant<size_t, 6>());
      }
  }
}

// One block of rows against all panels of cols; see EvenSplit for the tiles.
template <typename Ops, typename Panels>
void run_block(const void* const* pointers, size_t taps, size_t kc, const Panels& panels,
               const EpilogueStore& store, size_t first_row, const EvenSplit& tiles,
               IndexRange cols, float* widened) {
  constexpr size_t kColumns = PanelF32::kColumns;
  using Panel = typename Panels::Panel;
  const size_t rows = tiles.begin(tiles.parts());
  if constexpr (Panels::kCoded) {
    if (rows == 1 && taps == 1) {
      const float* const a = static_cast<const float*>(pointers[0]);
      return run_coded_row<Ops>(a, panels, store, first_row, cols, widened);
    }
  } else {
    if (rows == 1) {
      constexpr size_t kWide = Panels::kNarrow ? 2 : 4;
      return run_flat<Ops, 1, kWide, Panel>(pointers, taps, kc, panels, store, first_row, cols);
    }
    if (rows == 2 && !Panels::kNarrow) {
      return run_flat<Ops, 2, 2, Panel>(pointers, taps, kc, panels, store, first_row, cols);
    }
  }
  const char* packed = panels.packed + cols.begin / kColumns * panels.pitch;
  for (size_t col = cols.begin; col < cols.end; col += kColumns, packed += panels.pitch) {
    const char* panel = packed;
    if constexpr (Panels::kNarrow) {
      panels.widen(packed, taps * kc, widened);
      panel = reinterpret_cast<const char*>(widened);
    }
    for (size_t t = 0; t < tiles.parts(); ++t) {
      run_rows<Ops>(tiles.size(t), pointers + t * taps * Ops::kGemmRows, taps, kc, panel, store,
                    first_row + tiles.begin(t), col, panels.n);
    }
  }
}

inline void apply_unary(const FloatEpilogue& epilogue, float* c, size_t ldc, size_t first_row,
                        size_t rows, IndexRange cols) {
  if (!epilogue.unary) return;
  for (size_t row = first_row; row < first_row + rows; ++row) {
    float* const y = c + row * ldc + cols.begin;
    epilogue.unary(y, y, cols.size(), epilogue.unary_params);
  }
}

template <typename Ops, WeightKind kind>
void gemm(const GemmArgs& args, IndexRange rows, IndexRange cols) {
  const PackShape shape{1, args.k, args.n, args.codes.block};
  const PanelsOf<kind> panels(kind, shape, gemm_tile<Ops>(), args.packed, args.codes);
  const EpilogueStore store(args.epilogue, args.c, args.ldc);
  const void* pointers[kTilesPerBlock * Ops::kGemmRows];
  for_each_block<Ops::kGemmRows>(rows, [&](size_t first_row, const EvenSplit& tiles) {
    matrix_pointers<Ops::kGemmRows>(reinterpret_cast<const char*>(args.a), args.lda * sizeof(float),
                                    first_row, tiles, pointers);
    run_block<Ops>(pointers, 1, args.k, panels, store, first_row, tiles, cols,
                   static_cast<float*>(args.scratch));
    apply_unary(args.epilogue, args.c, args.ldc, first_row, tiles.begin(tiles.parts()), cols);
  });
}

template <typename Ops, WeightKind kind>
void conv(const ConvShape& s, const ConvArgs& args, IndexRange pixels, IndexRange cols) {
  const size_t taps = s.taps();
  const PackShape shape{taps, s.kc, args.n, args.codes.block};
  const PanelsOf<kind> panels(kind, shape, gemm_tile<Ops>(), args.packed, args.codes);
  const EpilogueStore store(args.epilogue, args.c, args.ldc);
  // Scratch: the pointers of a block, then a widened panel; pointers first keeps both aligned.
  const void** const pointers = static_cast<const void**>(args.scratch);
  float* const widened =
      reinterpret_cast<float*>(pointers + kTilesPerBlock * Ops::kGemmRows * taps);
  for_each_block<Ops::kGemmRows>(pixels, [&](size_t first, const EvenSplit& tiles) {
    conv_pointers<Ops::kGemmRows>(s, reinterpret_cast<const char*>(args.input), args.zero_row,
                                  sizeof(float), first, tiles, pointers);
    run_block<Ops>(pointers, taps, s.kc, panels, store, first, tiles, cols, widened);
    apply_unary(args.epilogue, args.c, args.ldc, first, tiles.begin(tiles.parts()), cols);
  });
}

}  // namespace whittle::simd
