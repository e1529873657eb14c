#include "core/linalg/spd_solver.h"

#include <Eigen/Cholesky>
#include <algorithm>

#include "core/base/error.h"

namespace whittle {
namespace {

constexpr int kPanel = 32;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

SpdSolver::SpdSolver(std::vector<double> a, int n, std::vector<double> b, int rows)
    : a_(std::move(a)), b_(std::move(b)), n_(n), rows_(rows) {}

bool SpdSolver::advance() {
  const int panels = (n_ + kPanel - 1) / kPanel;
  if (panel_ >= 2 * panels) return false;
  const bool factor = panel_ < panels;
  const int begin = (factor ? panel_ : 2 * panels - 1 - panel_) * kPanel;
  const int end = std::min(n_, begin + kPanel);
  if (factor) {
    factor_panel(begin, end);
  } else {
    substitute_panel(begin, end);
  }
  ++panel_;
  return panel_ < 2 * panels;
}

/** Columns [begin, end) of L, and of Y with Y L^T = B. */
void SpdSolver::factor_panel(int begin, int end) {
  Eigen::Map<Matrix> a(a_.data(), n_, n_);
  Eigen::Map<Matrix> b(b_.data(), rows_, n_);
  const int width = end - begin;
  const int rest = n_ - end;
  const Eigen::LLT<Matrix> llt(Matrix(a.block(begin, begin, width, width)));
  if (llt.info() != Eigen::Success) {
    fail(Code::INVALID_DATA, "cholesky",
         "Expected a positive definite matrix but received one that is not, from column ", begin);
  }
  const Matrix l = llt.matrixL();
  a.block(begin, begin, width, width) = l;
  const auto upper = l.triangularView<Eigen::Lower>().transpose();
  auto y = b.middleCols(begin, width);
  upper.solveInPlace<Eigen::OnTheRight>(y);
  if (rest == 0) return;
  auto below = a.block(end, begin, rest, width);
  upper.solveInPlace<Eigen::OnTheRight>(below);
  a.bottomRightCorner(rest, rest).selfadjointView<Eigen::Lower>().rankUpdate(below, -1.0);
  b.rightCols(rest).noalias() -= y * below.transpose();
}

/** Columns [begin, end) of X with X L = Y, from the last to the first. */
void SpdSolver::substitute_panel(int begin, int end) {
  const Eigen::Map<const Matrix> a(a_.data(), n_, n_);
  Eigen::Map<Matrix> b(b_.data(), rows_, n_);
  const int width = end - begin;
  auto x = b.middleCols(begin, width);
  a.block(begin, begin, width, width)
      .triangularView<Eigen::Lower>()
      .solveInPlace<Eigen::OnTheRight>(x);
  if (begin == 0) return;
  b.leftCols(begin).noalias() -= x * a.block(begin, 0, width, begin);
}

}  // namespace whittle
