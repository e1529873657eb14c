#include "core/linalg/randomized_svd.h"

#include <Eigen/QR>
#include <algorithm>

#include "core/base/random.h"

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/** An orthonormal basis of the columns of x. */
Eigen::MatrixXf orthonormal(const Eigen::MatrixXf& x) {
  const Eigen::HouseholderQR<Eigen::MatrixXf> qr(x);
  return qr.householderQ() * Eigen::MatrixXf::Identity(x.rows(), x.cols());
}

}  // namespace

Svd randomized_svd(std::span<const float> matrix, int rows, int cols, int rank,
                   const RandomizedSvdOptions& options) {
  const int full = std::min(rows, cols);
  rank = std::clamp(rank, 1, full);
  const int width = std::min(full, rank + options.oversampling);
  const Eigen::Map<const RowMajor> a(matrix.data(), rows, cols);
  Random random(options.seed, 17);
  Eigen::MatrixXf probe(cols, width);
  for (Eigen::Index i = 0; i < probe.size(); ++i) probe.data()[i] = random.normal();
  Eigen::MatrixXf q = orthonormal(a * probe);
  for (int i = 0; i < options.power_iterations; ++i) {
    const Eigen::MatrixXf back = orthonormal(a.transpose() * q);
    q = orthonormal(a * back);
  }
  const RowMajor small = q.transpose() * a;  // [width, cols]
  const Svd inner = svd({small.data(), static_cast<size_t>(small.size())}, width, cols);
  Svd result;
  result.rows = rows;
  result.cols = cols;
  result.s.assign(inner.s.begin(), inner.s.begin() + rank);
  const Eigen::Map<const RowMajor> inner_u(inner.u.data(), width, width);
  const Eigen::Map<const RowMajor> inner_v(inner.v.data(), cols, width);
  RowMajor u = q * inner_u.leftCols(rank);
  RowMajor v = inner_v.leftCols(rank);
  for (Eigen::Index k = 0; k < u.cols(); ++k) {
    Eigen::Index largest = 0;
    u.col(k).cwiseAbs().maxCoeff(&largest);
    if (u(largest, k) >= 0) continue;
    u.col(k) = -u.col(k);
    v.col(k) = -v.col(k);
  }
  result.u.assign(u.data(), u.data() + u.size());
  result.v.assign(v.data(), v.data() + v.size());
  return result;
}

}  // namespace whittle
