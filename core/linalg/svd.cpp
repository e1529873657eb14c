#include "core/linalg/svd.h"

#include <Eigen/SVD>
#include <cmath>

#include "core/base/error.h"

namespace whittle {

Svd svd(std::span<const float> matrix, int rows, int cols) {
  for (float value : matrix) {
    if (!std::isfinite(value)) {
      fail(Code::INVALID_DATA, "svd", "Expected finite values for a matrix but received ", value);
    }
  }
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> a(matrix.data(), rows, cols);
  const Eigen::BDCSVD<Eigen::MatrixXf> solver(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  RowMajor u = solver.matrixU();
  RowMajor v = solver.matrixV();
  for (Eigen::Index k = 0; k < u.cols(); ++k) {
    Eigen::Index largest = 0;
    u.col(k).cwiseAbs().maxCoeff(&largest);
    if (u(largest, k) < 0) {
      u.col(k) = -u.col(k);
      v.col(k) = -v.col(k);
    }
  }
  const Eigen::VectorXf s = solver.singularValues();
  Svd result;
  result.rows = rows;
  result.cols = cols;
  result.u.assign(u.data(), u.data() + u.size());
  result.s.assign(s.data(), s.data() + s.size());
  result.v.assign(v.data(), v.data() + v.size());
  return result;
}

}  // namespace whittle
