#include "core/linalg/inverse_cholesky.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace whittle {
namespace {

constexpr int kPanel = 32;

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

InverseCholesky::InverseCholesky(std::vector<float> matrix, int n)
    : matrix_(std::move(matrix)), n_(n) {}

bool InverseCholesky::advance() {
  const int panels = (n_ + kPanel - 1) / kPanel;
  if (panel_ >= 2 * panels) return false;
  const bool factor = panel_ < panels;
  const int block = factor ? panels - 1 - panel_ : panel_ - panels;
  const int begin = block * kPanel;
  const int end = std::min(n_, begin + kPanel);
  if (factor) {
    factor_panel(begin, end);
  } else {
    invert_panel(begin, end);
  }
  ++panel_;
  return panel_ < 2 * panels;
}

/** Columns [begin, end) of R; what lies left of them is brought up to date. */
void InverseCholesky::factor_panel(int begin, int end) {
  Eigen::Map<Matrix> h(matrix_.data(), n_, n_);
  const int width = end - begin;
  for (int j = end - 1; j >= begin; --j) {
    double rest = h(j, j);
    for (int k = j + 1; k < end; ++k) rest -= static_cast<double>(h(j, k)) * h(j, k);
    if (!(rest > 0) || !std::isfinite(rest)) {
      fail(Code::INVALID_DATA, "cholesky",
           "Expected a positive definite matrix but received one with the pivot ", rest);
    }
    const double root = std::sqrt(rest);
    h(j, j) = static_cast<float>(root);
    for (int i = begin; i < j; ++i) {
      double sum = h(i, j);
      for (int k = j + 1; k < end; ++k) sum -= static_cast<double>(h(i, k)) * h(j, k);
      h(i, j) = static_cast<float>(sum / root);
    }
  }
  if (begin == 0) return;
  const auto diagonal = h.block(begin, begin, width, width).triangularView<Eigen::Upper>();
  auto above = h.block(0, begin, begin, width);
  diagonal.transpose().solveInPlace<Eigen::OnTheRight>(above);
  h.topLeftCorner(begin, begin).selfadjointView<Eigen::Upper>().rankUpdate(above, -1.0f);
}

/** Columns [begin, end) of R^-1, from those left of them and from R's. */
void InverseCholesky::invert_panel(int begin, int end) {
  Eigen::Map<Matrix> h(matrix_.data(), n_, n_);
  const int width = end - begin;
  Matrix diagonal = Matrix::Identity(width, width);
  h.block(begin, begin, width, width).triangularView<Eigen::Upper>().solveInPlace(diagonal);
  h.block(begin, begin, width, width) = diagonal;
  h.block(begin, 0, width, begin).setZero();
  if (begin == 0) return;
  const Matrix above = h.block(0, begin, begin, width) * diagonal;
  h.block(0, begin, begin, width).noalias() =
      -(h.topLeftCorner(begin, begin).triangularView<Eigen::Upper>() * above);
}

}  // namespace whittle
