#include "core/linalg/block_elimination.h"

#include <Eigen/Cholesky>
#include <limits>

namespace whittle {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/** Columns of a row-major matrix, beside each other. */
Matrix gathered(std::span<const double> matrix, int rows, int n, std::span<const int> columns) {
  Matrix result(rows, static_cast<Eigen::Index>(columns.size()));
  for (int r = 0; r < rows; ++r) {
    const double* row = matrix.data() + static_cast<size_t>(r) * static_cast<size_t>(n);
    for (size_t c = 0; c < columns.size(); ++c) {
      result(r, static_cast<Eigen::Index>(c)) = row[columns[c]];
    }
  }
  return result;
}

Matrix block_of(std::span<const double> matrix, int n, std::span<const int> columns) {
  const auto width = static_cast<Eigen::Index>(columns.size());
  Matrix block(width, width);
  for (Eigen::Index i = 0; i < width; ++i) {
    for (Eigen::Index j = 0; j < width; ++j) {
      const auto row = static_cast<size_t>(columns[static_cast<size_t>(i)]);
      const auto column = static_cast<size_t>(columns[static_cast<size_t>(j)]);
      block(i, j) = matrix[row * static_cast<size_t>(n) + column];
    }
  }
  return block;
}

}  // namespace

BlockElimination::BlockElimination(std::vector<double> inverse, int n, std::vector<double> weight,
                                   int rows)
    : inverse_(std::move(inverse)), weight_(std::move(weight)), n_(n), rows_(rows) {}

double BlockElimination::cost(std::span<const int> columns) const {
  const Eigen::LLT<Matrix> llt(block_of(inverse_, n_, columns));
  if (llt.info() != Eigen::Success) return std::numeric_limits<double>::infinity();
  // |L^-1 W_C^T|^2
  Matrix part = gathered(weight_, rows_, n_, columns).transpose();
  llt.matrixL().solveInPlace(part);
  return part.squaredNorm();
}

void BlockElimination::eliminate(std::span<const int> columns) {
  Eigen::Map<Matrix> inverse(inverse_.data(), n_, n_);
  Eigen::Map<Matrix> weight(weight_.data(), rows_, n_);
  const Eigen::LLT<Matrix> llt(block_of(inverse_, n_, columns));
  const Matrix across = gathered(inverse_, n_, n_, columns);  // P_C^T, [n, columns]
  const Matrix solved = llt.solve(across.transpose());        // P_CC^-1 P_C
  const Matrix lost = gathered(weight_, rows_, n_, columns);
  weight.noalias() -= lost * solved;
  inverse.noalias() -= across * solved;
  for (int column : columns) {
    weight.col(column).setZero();
    inverse.row(column).setZero();
    inverse.col(column).setZero();
  }
}

}  // namespace whittle
