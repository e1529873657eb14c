#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace whittle {

/** T[i, j, ...] = sum over r of factors[0][i, r] factors[1][j, r] ... */
struct CpDecomposition {
  std::vector<std::vector<float>> factors;  // one a mode, [dims[mode], rank], of equal norms
  double error = 0;                         // ||T - approximation|| / ||T||
  /**
   * Sum of the squared norms of the rank-one terms over that of their sum: 1 when they are
   * orthogonal; large when terms grow without bound and cancel each other, because no best
   * approximation of this rank exists (de Silva and Lim 2008).
   */
  double cancellation = 1;
  int sweeps = 0;
};

/**
 * Canonical polyadic decomposition by alternating least squares (Carroll and Chang 1970, Harshman
 * 1970), from a seeded start. Terms that run away are held back by a ridge of 1e-9 of the mean
 * diagonal of the normal equations. In double precision; deterministic.
 */
class CpSolver {
 public:
  /** `tensor` has the modes `dims` (two at least), row-major, finite. Start 0 takes the leading
   * singular vectors of the second mode (the first is solved for first of all), others are random
   * throughout. */
  CpSolver(std::span<const float> tensor, std::vector<int> dims, int rank, uint64_t seed,
           int start);

  /** One sweep over all modes: some 4 * elements * rank operations. False once it stands still. */
  bool advance();
  double error() const { return error_; }
  int sweeps() const { return sweeps_; }
  CpDecomposition result() const;

 private:
  void initialize(uint64_t seed, int start);
  void solve(size_t mode, const std::vector<double>& products);
  void update_first();
  void update_others();
  double cancellation() const;

  std::vector<int> dims_;
  int rank_;
  int rest_ = 1;                              // product of all modes but the first
  std::vector<double> tensor_;                // [dims[0], rest]
  std::vector<std::vector<double>> factors_;  // [dims[mode], rank]
  double norm2_ = 0;
  double error_ = 1;
  int sweeps_ = 0;
};

}  // namespace whittle
