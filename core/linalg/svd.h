#pragma once

#include <span>
#include <vector>

#include "core/base/progress.h"

namespace whittle {

/** A = U diag(s) V^T with the singular values in descending order. */
struct Svd {
  int rows = 0;
  int cols = 0;
  std::vector<float> u;  // [rows, k] row-major, k = min(rows, cols)
  std::vector<float> s;  // [k]
  std::vector<float> v;  // [cols, k] row-major
};

/** The thin singular value decomposition of a row-major matrix, by divide and conquer. The signs
 * are fixed (the largest entry of each column of U is positive). Throws INVALID_DATA on a NaN or an
 * infinity. */
Svd svd(std::span<const float> matrix, int rows, int cols);

}  // namespace whittle
