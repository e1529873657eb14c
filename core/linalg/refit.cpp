#include "core/linalg/refit.h"

#include <Eigen/Cholesky>

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double kRidge = 1e-3;

}  // namespace

std::vector<float> refit_output(std::span<const float> weight, int m, int k,
                                std::span<const float> features, int r,
                                std::span<const float> start, std::span<const double> moment) {
  const Eigen::Map<const RowMajor> c(moment.data(), k, k);
  const RowMajor f = Eigen::Map<const FloatRows>(features.data(), r, k).cast<double>();
  const RowMajor u = Eigen::Map<const FloatRows>(start.data(), m, r).cast<double>();
  const RowMajor rest = Eigen::Map<const FloatRows>(weight.data(), m, k).cast<double>() - u * f;
  const RowMajor seen = f * c;  // [r, k]
  RowMajor normal = seen * f.transpose();
  const double mean = normal.diagonal().mean();
  normal.diagonal().array() += mean > 0 ? kRidge * mean : 1.0;
  const Eigen::LDLT<Eigen::MatrixXd> solver(normal);
  const RowMajor step = solver.solve(seen * rest.transpose());  // [r, m]
  const FloatRows result = (u + step.transpose()).cast<float>();
  return {result.data(), result.data() + result.size()};
}

}  // namespace whittle
