#pragma once

// Register tile of the float matrix kernels: kRows rows of A times kPanels panels of 8 columns.

#include <cstddef>

#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

// Reads panels of WeightKind::f32.
struct PanelF32 {
  static constexpr size_t kColumns = 8;

  const float* weights;

  explicit PanelF32(const void* panel) : weights(static_cast<const float*>(panel)) {
    bias0 = wasm_v128_load(weights);
    bias1 = wasm_v128_load(weights + 4);
    weights += kColumns;
  }
  // The 8 weights of the k-th row after the current one.
  template <size_t k>
  void load(v128_t* w0, v128_t* w1) const {
    *w0 = wasm_v128_load(weights + k * kColumns);
    *w1 = wasm_v128_load(weights + k * kColumns + 4);
  }
  void advance(size_t k) { weights += k * kColumns; }

  v128_t bias0;
  v128_t bias1;
};

template <size_t kRows, size_t kPanels>
struct FloatTile {
  v128_t acc[kRows][kPanels][2];
};

template <typename Ops, size_t k, size_t kRows, size_t kPanels, typename Panel>
inline void multiply_step(const float* const (&a)[kRows], const Panel (&panels)[kPanels],
                          FloatTile<kRows, kPanels>& tile) {
  v128_t w[kPanels][2];
  WHITTLE_UNROLL
  for (size_t p = 0; p < kPanels; ++p) panels[p].template load<k>(&w[p][0], &w[p][1]);
  WHITTLE_UNROLL
  for (size_t i = 0; i < kRows; ++i) {
    const v128_t x = wasm_v128_load32_splat(a[i] + k);
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) {
      tile.acc[i][p][0] = Ops::madd(x, w[p][0], tile.acc[i][p][0]);
      tile.acc[i][p][1] = Ops::madd(x, w[p][1], tile.acc[i][p][1]);
    }
  }
}

// tile += k products of the rows a, which move on, and the next rows of the panels.
template <typename Ops, size_t kRows, size_t kPanels, typename Panel>
inline void accumulate(const float* (&a)[kRows], size_t k, Panel (&panels)[kPanels],
                       FloatTile<kRows, kPanels>& tile) {
  for (; k >= 4; k -= 4) {
    multiply_step<Ops, 0>(a, panels, tile);
    multiply_step<Ops, 1>(a, panels, tile);
    multiply_step<Ops, 2>(a, panels, tile);
    multiply_step<Ops, 3>(a, panels, tile);
    WHITTLE_UNROLL
    for (size_t i = 0; i < kRows; ++i) a[i] += 4;
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) panels[p].advance(4);
  }
  for (; k > 0; --k) {
    multiply_step<Ops, 0>(a, panels, tile);
    WHITTLE_UNROLL
    for (size_t i = 0; i < kRows; ++i) a[i] += 1;
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) panels[p].advance(1);
  }
}

// tile = bias + sum over taps and k. pointers: [taps][pointer_stride] rows of kc values. Each sum
// runs in the order of (tap, k) whatever the tile, so a row's bits do not depend on its neighbours.
template <typename Ops, size_t kRows, size_t kPanels, typename Panel>
inline void multiply(const void* const* pointers, size_t pointer_stride, size_t taps, size_t kc,
                     Panel (&panels)[kPanels], FloatTile<kRows, kPanels>& tile) {
  WHITTLE_UNROLL
  for (size_t i = 0; i < kRows; ++i) {
    WHITTLE_UNROLL
    for (size_t p = 0; p < kPanels; ++p) {
      tile.acc[i][p][0] = panels[p].bias0;
      tile.acc[i][p][1] = panels[p].bias1;
    }
  }
  for (size_t tap = 0; tap < taps; ++tap, pointers += pointer_stride) {
    const float* a[kRows];
    WHITTLE_UNROLL
    for (size_t i = 0; i < kRows; ++i) a[i] = static_cast<const float*>(pointers[i]);
    accumulate<Ops>(a, kc, panels, tile);
  }
}

}  // namespace whittle::simd
