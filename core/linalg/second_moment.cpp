#include "core/linalg/second_moment.h"

#include <Eigen/Core>
#include <algorithm>

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

SecondMoment::SecondMoment(int n)
    : n_(n),
      batch_(static_cast<size_t>(n) * kBatch),
      sums_(static_cast<size_t>(n) * static_cast<size_t>(n), 0.0) {}

int64_t SecondMoment::bytes(int n) {
  return static_cast<int64_t>(sizeof(double)) * n * (static_cast<int64_t>(n) + kBatch);
}

void SecondMoment::add(std::span<const float> vector) {
  std::copy(vector.begin(), vector.end(), batch_.begin() + static_cast<int64_t>(filled_) * n_);
  ++count_;
  if (++filled_ == kBatch) flush();
}

void SecondMoment::flush() {
  const Eigen::Map<const RowMajor> x(batch_.data(), filled_, n_);
  Eigen::Map<RowMajor> c(sums_.data(), n_, n_);
  c.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
  filled_ = 0;
}

std::span<const double> SecondMoment::finish() {
  if (filled_ > 0) flush();
  Eigen::Map<RowMajor> c(sums_.data(), n_, n_);
  c.triangularView<Eigen::StrictlyUpper>() = c.transpose();
  return sums_;
}

}  // namespace whittle
