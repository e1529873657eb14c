#pragma once

#include <span>
#include <vector>

namespace whittle {

/**
 * The upper triangular U with H^-1 = U^T U of a symmetric positive definite matrix H, which GPTQ
 * takes its error compensation from, without forming H^-1: H = R R^T with R upper triangular
 * (Cholesky from the last row to the first), then U = R^-1. In short steps, 2/3 n^3 operations in
 * all.
 */
class InverseCholesky {
 public:
  /** `matrix` is [n, n] row-major; its upper triangle is read. */
  InverseCholesky(std::vector<float> matrix, int n);

  /** One panel of columns: at most some 32 n^2 operations. False when all is done; throws
   * INVALID_DATA when the matrix is not positive definite. */
  bool advance();
  /** [n, n] row-major with zeros below the diagonal, once advance() has said false. */
  std::span<const float> upper() const { return matrix_; }

 private:
  void factor_panel(int begin, int end);
  void invert_panel(int begin, int end);

  std::vector<float> matrix_;
  int n_;
  int panel_ = 0;
};

}  // namespace whittle
