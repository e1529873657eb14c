#include "core/linalg/symmetric_eigen.h"

#include <Eigen/Eigenvalues>
#include <cmath>

#include "core/base/error.h"

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

SymmetricEigen symmetric_eigen(std::span<const double> matrix, int n) {
  for (double value : matrix) {
    if (std::isfinite(value)) continue;
    fail(Code::INVALID_DATA, "eigenvalues", "Expected finite values for a matrix but received ",
         value);
  }
  const Eigen::Map<const RowMajor> a(matrix.data(), n, n);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a);
  SymmetricEigen result;
  result.n = n;
  result.values.resize(static_cast<size_t>(n));
  result.vectors.resize(static_cast<size_t>(n) * static_cast<size_t>(n));
  Eigen::Map<RowMajor> vectors(result.vectors.data(), n, n);
  for (int i = 0; i < n; ++i) {
    const int from = n - 1 - i;  // the solver's order is ascending
    result.values[static_cast<size_t>(i)] = solver.eigenvalues()(from);
    vectors.row(i) = solver.eigenvectors().col(from).transpose();
    Eigen::Index largest = 0;
    vectors.row(i).cwiseAbs().maxCoeff(&largest);
    if (vectors(i, largest) < 0) vectors.row(i) = -vectors.row(i);
  }
  return result;
}

std::vector<double> gram(std::span<const double> x, int rows, int cols) {
  std::vector<double> result(static_cast<size_t>(rows) * static_cast<size_t>(rows), 0.0);
  const Eigen::Map<const RowMajor> a(x.data(), rows, cols);
  Eigen::Map<RowMajor> g(result.data(), rows, rows);
  g.selfadjointView<Eigen::Lower>().rankUpdate(a);
  g.triangularView<Eigen::StrictlyUpper>() = g.transpose();
  return result;
}

}  // namespace whittle
