#include "core/linalg/output_basis.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "core/linalg/symmetric_eigen.h"

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FloatView =
    Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

constexpr double kDamping = 1e-9;

/** L of C = L L^T, C damped as far as that takes. */
RowMajor cholesky(std::span<const double> moment, int k) {
  const Eigen::Map<const RowMajor> c(moment.data(), k, k);
  const double mean = c.diagonal().mean();
  for (double damping = kDamping * mean; mean > 0 && damping < mean; damping *= 10) {
    RowMajor damped = c;
    damped.diagonal().array() += damping;
    const Eigen::LLT<Eigen::MatrixXd> solver(damped);
    if (solver.info() == Eigen::Success) return solver.matrixL();
  }
  return RowMajor::Identity(k, k);  // inputs that were zero throughout say nothing
}

std::vector<double> gram_of(const RowMajor& x) {
  return gram({x.data(), static_cast<size_t>(x.size())}, static_cast<int>(x.rows()),
              static_cast<int>(x.cols()));
}

}  // namespace

OutputBasis output_basis(std::span<const float> weight, int m, int k,
                         std::span<const double> moment) {
  RowMajor a = FloatView(weight.data(), m, k).cast<double>();
  if (!moment.empty()) a = a * cholesky(moment, k).triangularView<Eigen::Lower>();
  OutputBasis basis;
  const int count = std::min(m, k);
  basis.vectors.resize(static_cast<size_t>(count) * static_cast<size_t>(m));
  Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> rows(
      basis.vectors.data(), count, m);
  if (m <= k) {
    const SymmetricEigen eigen = symmetric_eigen(gram_of(a), m);
    for (double value : eigen.values) basis.energy.push_back(std::max(0.0, value));
    rows = Eigen::Map<const RowMajor>(eigen.vectors.data(), m, m).cast<float>();
    return basis;
  }
  // A = U S V^T: the smaller side gives V, and U S = A V.
  const SymmetricEigen eigen = symmetric_eigen(gram_of(a.transpose()), k);
  RowMajor u = a * Eigen::Map<const RowMajor>(eigen.vectors.data(), k, k).transpose();
  const double floor = 1e-24 * std::max(0.0, eigen.values.empty() ? 0.0 : eigen.values[0]);
  for (int i = 0; i < count; ++i) {
    const double energy = u.col(i).squaredNorm();
    basis.energy.push_back(energy > floor ? energy : 0.0);
    u.col(i) *= energy > floor ? 1 / std::sqrt(energy) : 0.0;
  }
  rows = u.transpose().cast<float>();
  return basis;
}

void orthonormalize(std::span<float> rows, int count, int m) {
  using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<FloatRows> basis(rows.data(), count, m);
  const Eigen::MatrixXd columns = basis.transpose().cast<double>();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(columns);
  Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(m, count);
  for (int i = 0; i < count; ++i) {
    if (qr.matrixQR()(i, i) < 0) q.col(i) = -q.col(i);
  }
  basis = q.transpose().cast<float>();
}

double output_error2(std::span<const float> weight, std::span<const float> other, int m, int k,
                     std::span<const double> moment) {
  const RowMajor w = FloatView(weight.data(), m, k).cast<double>();
  const RowMajor error = w - FloatView(other.data(), m, k).cast<double>();
  double lost = error.squaredNorm();
  double total = w.squaredNorm();
  if (!moment.empty()) {
    const Eigen::Map<const RowMajor> c(moment.data(), k, k);
    lost = (error * c).cwiseProduct(error).sum();
    total = (w * c).cwiseProduct(w).sum();
  }
  return total > 0 ? std::max(0.0, lost) / total : 0.0;
}

}  // namespace whittle
