#include <cstring>

#include "core/kernels/pack.h"
#include "core/kernels/sparse_layout.h"

namespace whittle {

size_t count_nonzeros(const float* w, const WeightStrides& strides, const PackShape& shape) {
  size_t count = 0;
  for (size_t n = 0; n < shape.n; ++n) {
    for (size_t k = 0; k < shape.kc; ++k) count += w[k * strides.c + n * strides.n] != 0 ? 1 : 0;
  }
  return count;
}

size_t sparse_packed_bytes(size_t nonzeros, size_t n) {
  return SparseLayout::header_words(n) * sizeof(uint32_t) + nonzeros * sizeof(SparseElement);
}

void pack_sparse_f32(const float* w, const WeightStrides& strides, const float* bias,
                     const PackShape& shape, size_t block, void* packed) {
  auto* const first = static_cast<uint32_t*>(packed);
  std::memset(first, 0, SparseLayout::header_words(shape.n) * sizeof(uint32_t));
  if (bias) std::memcpy(first + shape.n + 1, bias, shape.n * sizeof(float));
  auto* const weights =
      reinterpret_cast<SparseElement*>(first + SparseLayout::header_words(shape.n));
  uint32_t count = 0;
  for (size_t n = 0; n < shape.n; ++n) {
    for (size_t k = 0; k < shape.kc; ++k) {
      const float value = w[k * strides.c + n * strides.n];
      if (value != 0) weights[count++] = {value, static_cast<uint32_t>(k * block)};
    }
    first[n + 1] = count;
  }
}

size_t sparse_scratch_bytes(size_t k, size_t block) {
  return k * block * sizeof(float);
}

bool sparse_is_faster(size_t nonzeros, size_t k, size_t n, size_t rows) {
  if (k * n == 0) return false;
  // Rows are taken in fours, so that one row costs what four do.
  const double density = static_cast<double>(nonzeros) / static_cast<double>(k * n);
  return density < (rows >= 4 ? 0.4 : 0.2);
}

}  // namespace whittle
