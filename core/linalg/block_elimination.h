#pragma once

#include <span>
#include <vector>

namespace whittle {

/**
 * Takes columns out of W in y = W x one block after the other, the rest making up for it in the
 * least squares of y: the Optimal Brain Surgeon (Hassibi and Stork 1993) for whole blocks. With
 * S = sum of x x^T, C the columns of a block and P = S^-1, removing them costs
 * tr(W_C P_CC^-1 W_C^T) and leaves W - W_C P_CC^-1 P_C and P - P_C^T P_CC^-1 P_C.
 */
class BlockElimination {
 public:
  /** `inverse` is S^-1, [n, n] row-major and symmetric; `weight` is [rows, n] row-major. */
  BlockElimination(std::vector<double> inverse, int n, std::vector<double> weight, int rows);

  /** The squared error that taking out `columns` adds; infinite where P_CC is singular. */
  double cost(std::span<const int> columns) const;
  /** Takes them out: n^2 operations a column. */
  void eliminate(std::span<const int> columns);
  /** [rows, n] row-major, zero in what was taken out. */
  std::span<const double> weight() const { return weight_; }

 private:
  std::vector<double> inverse_;
  std::vector<double> weight_;
  int n_;
  int rows_;
};

}  // namespace whittle
