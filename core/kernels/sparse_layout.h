#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/pack.h"

namespace whittle {

// Where packed sparse weights have what, see pack.h.
class SparseLayout {
 public:
  SparseLayout(const void* packed, size_t n)
      : first_(static_cast<const uint32_t*>(packed)),
        bias_(reinterpret_cast<const float*>(first_ + n + 1)),
        weights_(reinterpret_cast<const SparseElement*>(first_ + header_words(n))) {}

  static constexpr size_t header_words(size_t n) { return (2 * n + 2) & ~size_t{1}; }

  float bias(size_t column) const { return bias_[column]; }
  const SparseElement* begin(size_t column) const { return weights_ + first_[column]; }
  const SparseElement* end(size_t column) const { return weights_ + first_[column + 1]; }

 private:
  const uint32_t* first_;
  const float* bias_;
  const SparseElement* weights_;
};

}  // namespace whittle
