#pragma once

// Packs a run-time matrix B into panels of 8 columns with zero bias.

#include <cstddef>

#include "core/kernels/pack.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/transpose.h"

namespace whittle::simd {

// One panel from rows of n values: B(k, j) = b[k * stride_k + j], j < count <= 8.
inline void pack_panel_rows(const float* b, size_t stride_k, size_t k, size_t count, float* out) {
  const v128_t zero = wasm_f32x4_splat(0.0f);
  for (size_t i = 0; i < k; ++i, b += stride_k, out += 8) {
    wasm_v128_store(out, count >= 4 ? wasm_v128_load(b) : load_partial(b, count));
    wasm_v128_store(out + 4, count >= 8  ? wasm_v128_load(b + 4)
                             : count > 4 ? load_partial(b + 4, count - 4)
                                         : zero);
  }
}

// One panel from columns of k values: B(k, j) = b[k + j * stride_n], j < count <= 8. Columns past
// count repeat the last one; nothing reads their products.
inline void pack_panel_columns(const float* b, size_t stride_n, size_t k, size_t count,
                               float* out) {
  const float* columns[8];
  for (size_t j = 0; j < 8; ++j) columns[j] = b + (j < count ? j : count - 1) * stride_n;
  size_t i = 0;
  for (; i + 4 <= k; i += 4, out += 32) {
    for (size_t half = 0; half < 2; ++half) {
      v128_t v[4];
      for (size_t j = 0; j < 4; ++j) v[j] = wasm_v128_load(columns[half * 4 + j] + i);
      transpose4x4(v);
      for (size_t j = 0; j < 4; ++j) wasm_v128_store(out + j * 8 + half * 4, v[j]);
    }
  }
  for (; i < k; ++i, out += 8) {
    for (size_t j = 0; j < 8; ++j) out[j] = columns[j][i];
  }
}

inline void pack_b(const float* b, size_t stride_k, size_t stride_n, size_t k, size_t n,
                   IndexRange cols, void* packed) {
  const size_t pitch = panel_bytes(WeightKind::f32, PackShape{1, k, n}, TileShape{1, 8, 1});
  const v128_t zero = wasm_f32x4_splat(0.0f);
  for (size_t col = cols.begin; col < cols.end; col += 8) {
    float* const panel = reinterpret_cast<float*>(static_cast<char*>(packed) + col / 8 * pitch);
    wasm_v128_store(panel, zero);
    wasm_v128_store(panel + 4, zero);
    const size_t count = n - col < 8 ? n - col : 8;
    if (stride_n == 1) {
      pack_panel_rows(b + col, stride_k, k, count, panel + 8);
    } else {
      pack_panel_columns(b + col * stride_n, stride_n, k, count, panel + 8);
    }
  }
}

}  // namespace whittle::simd
