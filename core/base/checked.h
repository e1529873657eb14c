#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/error.h"

namespace whittle {

/** Bounds on what a file may claim, checked before anything is allocated. */
inline constexpr int64_t kMaxTensorBytes = int64_t{1} << 32;
inline constexpr int kMaxRank = 16;
inline constexpr int kMaxSubgraphDepth = 32;

/** a * b for sizes; throws LIMIT_EXCEEDED on overflow or a negative operand. */
inline int64_t checked_mul(int64_t a, int64_t b, std::string_view what) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    fail(Code::LIMIT_EXCEEDED, std::string(what), "Expected a size that fits 64 bits for ", what,
         " but received ", a, " x ", b);
  }
  return product;
}

/** a + b for sizes; throws LIMIT_EXCEEDED on overflow or a negative operand. */
inline int64_t checked_add(int64_t a, int64_t b, std::string_view what) {
  int64_t sum = 0;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum)) {
    fail(Code::LIMIT_EXCEEDED, std::string(what), "Expected a size that fits 64 bits for ", what,
         " but received ", a, " + ", b);
  }
  return sum;
}

}  // namespace whittle
