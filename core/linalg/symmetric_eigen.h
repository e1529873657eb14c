#pragma once

#include <span>
#include <vector>

namespace whittle {

/** A symmetric matrix taken apart: A = sum over i of values[i] * vector_i vector_i^T. */
struct SymmetricEigen {
  int n = 0;
  std::vector<double> values;   // descending
  std::vector<double> vectors;  // [n, n] row-major: row i belongs to values[i]

  std::span<const double> vector(int i) const {
    return std::span<const double>(vectors).subspan(static_cast<size_t>(i) * static_cast<size_t>(n),
                                                    static_cast<size_t>(n));
  }
};

/** `matrix` is [n, n]; its lower triangle is read. Signs are fixed: the largest entry of each
 * vector is positive. Throws INVALID_DATA on a NaN or an infinity. */
SymmetricEigen symmetric_eigen(std::span<const double> matrix, int n);

/** X X^T of X [rows, cols] row-major, as [rows, rows]. */
std::vector<double> gram(std::span<const double> x, int rows, int cols);

}  // namespace whittle
