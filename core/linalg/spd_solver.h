#pragma once

#include <span>
#include <vector>

namespace whittle {

/**
 * Solves X A = B for a symmetric positive definite A by blocked Cholesky factorization A = L L^T in
 * double precision, in short steps: n^3 / 3 operations for the factor, 2 n^2 for each row of B.
 */
class SpdSolver {
 public:
  /** `a` is [n, n] row-major, its lower triangle is read; `b` is [rows, n] row-major. */
  SpdSolver(std::vector<double> a, int n, std::vector<double> b, int rows);

  /** One panel of columns. False when all is done; throws INVALID_DATA when A is not positive
   * definite. */
  bool advance();
  /** [rows, n] row-major, once advance() has said false. */
  std::span<const double> solution() const { return b_; }

 private:
  void factor_panel(int begin, int end);
  void substitute_panel(int begin, int end);

  std::vector<double> a_;
  std::vector<double> b_;
  int n_;
  int rows_;
  int panel_ = 0;
};

}  // namespace whittle
