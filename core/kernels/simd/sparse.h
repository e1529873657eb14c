#pragma once

// Float GEMM over weights most of which are zero. Rows of A are taken in blocks and turned, so that
// the values one weight is multiplied with lie beside each other; the weights of a column are then
// walked once for the whole block (as XNNPACK's SpMM does over channels-first images; Elsen et al.
// 2019, "Fast Sparse ConvNets").

#include <cstddef>

#include "core/kernels/simd/blocks.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/transpose.h"
#include "core/kernels/sparse_layout.h"

namespace whittle::simd {

inline constexpr size_t kSparseBlock = 32;
inline constexpr size_t kSparseColumns = 4;  // turned back together

// `count` rows of A as turned[k][kSparseBlock]; rows up to the next four are zero.
inline void turn_rows(const float* a, size_t lda, size_t count, size_t k, float* turned) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4, a += 4 * lda) {
    size_t c = 0;
    for (; c + 4 <= k; c += 4) {
      v128_t v[4];
      WHITTLE_UNROLL
      for (size_t i = 0; i < 4; ++i) v[i] = wasm_v128_load(a + i * lda + c);
      transpose4x4(v);
      WHITTLE_UNROLL
      for (size_t i = 0; i < 4; ++i) wasm_v128_store(turned + (c + i) * kSparseBlock + r, v[i]);
    }
    for (; c < k; ++c) {
      for (size_t i = 0; i < 4; ++i) turned[c * kSparseBlock + r + i] = a[i * lda + c];
    }
  }
  if (r == count) return;
  for (size_t c = 0; c < k; ++c) {
    float* const to = turned + c * kSparseBlock + r;
    for (size_t i = 0; i < 4; ++i) to[i] = r + i < count ? a[i * lda + c] : 0.0f;
  }
}

// One column for 4 * kVectors rows.
template <typename Ops, size_t kVectors>
void sparse_column(const SparseLayout& layout, size_t column, const float* turned, float* out) {
  v128_t acc[kVectors];
  const v128_t bias = wasm_f32x4_splat(layout.bias(column));
  WHITTLE_UNROLL
  for (size_t i = 0; i < kVectors; ++i) acc[i] = bias;
  const SparseElement* const end = layout.end(column);
  for (const SparseElement* w = layout.begin(column); w != end; ++w) {
    const v128_t weight = wasm_v128_load32_splat(&w->value);
    const float* const x = turned + w->offset;
    WHITTLE_UNROLL
    for (size_t i = 0; i < kVectors; ++i) {
      acc[i] = Ops::madd(wasm_v128_load(x + 4 * i), weight, acc[i]);
    }
  }
  WHITTLE_UNROLL
  for (size_t i = 0; i < kVectors; ++i) wasm_v128_store(out + 4 * i, acc[i]);
}

template <typename Ops>
using SparseColumn = void (*)(const SparseLayout&, size_t, const float*, float*);

template <typename Ops>
SparseColumn<Ops> sparse_column_for(size_t vectors) {
  static constexpr SparseColumn<Ops> kColumns[] = {
      sparse_column<Ops, 1>, sparse_column<Ops, 2>, sparse_column<Ops, 3>, sparse_column<Ops, 4>,
      sparse_column<Ops, 5>, sparse_column<Ops, 6>, sparse_column<Ops, 7>, sparse_column<Ops, 8>};
  return kColumns[vectors - 1];
}

template <typename Ops>
void sparse_gemm(const GemmArgs& args, IndexRange rows, IndexRange cols) {
  const SparseLayout layout(args.packed, args.n);
  const EpilogueStore store(args.epilogue, args.c, args.ldc);
  float* const turned = static_cast<float*>(args.scratch);
  const EvenSplit blocks(rows.size(), kSparseBlock);
  for (size_t b = 0; b < blocks.parts(); ++b) {
    const size_t first = rows.begin + blocks.begin(b);
    const size_t count = blocks.size(b);
    turn_rows(args.a + first * args.lda, args.lda, count, args.k, turned);
    const SparseColumn<Ops> run = sparse_column_for<Ops>((count + 3) / 4);
    for (size_t col = cols.begin; col < cols.end; col += kSparseColumns) {
      alignas(16) float out[kSparseColumns][kSparseBlock] = {};
      const size_t columns = cols.end - col < kSparseColumns ? cols.end - col : kSparseColumns;
      for (size_t j = 0; j < columns; ++j) run(layout, col + j, turned, out[j]);
      for (size_t r = 0; r < count; r += 4) {
        v128_t v[4];
        WHITTLE_UNROLL
        for (size_t j = 0; j < 4; ++j) v[j] = wasm_v128_load(out[j] + r);
        transpose4x4(v);
        const size_t left = count - r < 4 ? count - r : 4;
        for (size_t i = 0; i < left; ++i) store.store4(first + r + i, col, columns, v[i]);
      }
    }
    if (!args.epilogue.unary) continue;
    for (size_t row = first; row < first + count; ++row) {
      float* const y = args.c + row * args.ldc + cols.begin;
      args.epilogue.unary(y, y, cols.size(), args.epilogue.unary_params);
    }
  }
}

}  // namespace whittle::simd
