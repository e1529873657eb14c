#include "core/linalg/input_subspace.h"

#include <Eigen/Cholesky>
#include <algorithm>

#include "core/linalg/output_basis.h"
#include "core/linalg/symmetric_eigen.h"

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RowMajor damped(std::span<const double> moment, int k) {
  if (moment.empty()) return RowMajor::Identity(k, k);
  constexpr double kDamping = 1e-6;
  RowMajor c = Eigen::Map<const RowMajor>(moment.data(), k, k);
  const double mean = c.diagonal().mean();
  c.diagonal().array() += mean > 0 ? kDamping * mean : 1.0;
  return c;
}

}  // namespace

InputSubspace input_subspace(std::span<const float> a, int m, int k,
                             std::span<const double> moment) {
  const Eigen::LLT<Eigen::MatrixXd> solver(damped(moment, k));
  const Eigen::MatrixXd l = solver.matrixL();
  const RowMajor seen =
      (Eigen::Map<const FloatRows>(a.data(), m, k).cast<double>() * l).transpose();
  const SymmetricEigen eigen =
      symmetric_eigen(gram({seen.data(), static_cast<size_t>(seen.size())}, k, m), k);
  const int count = std::min(m, k);
  const Eigen::Map<const RowMajor> q(eigen.vectors.data(), k, k);
  // Q^T L^-1: solve L^T z = q for each row q.
  const Eigen::MatrixXd rows = l.transpose().triangularView<Eigen::Upper>().solve(
      Eigen::MatrixXd(q.topRows(count).transpose()));
  InputSubspace result;
  result.rows.resize(static_cast<size_t>(count) * static_cast<size_t>(k));
  Eigen::Map<FloatRows> to(result.rows.data(), count, k);
  for (int i = 0; i < count; ++i) {
    result.energy.push_back(std::max(0.0, eigen.values[static_cast<size_t>(i)]));
    to.row(i) = rows.col(i).normalized().transpose().cast<float>();
  }
  orthonormalize(result.rows, count, k);
  return result;
}

std::vector<float> input_decoder(std::span<const float> rows, int count, int k,
                                 std::span<const double> moment) {
  const RowMajor e = Eigen::Map<const FloatRows>(rows.data(), count, k).cast<double>();
  const RowMajor c = damped(moment, k);
  const RowMajor inner = e * c * e.transpose();
  const Eigen::LDLT<Eigen::MatrixXd> solver(inner);
  const FloatRows decoder = solver.solve(e * c).transpose().cast<float>();  // C E^T (E C E^T)^-1
  return {decoder.data(), decoder.data() + decoder.size()};
}

}  // namespace whittle
