#include "core/linalg/cp_als.h"

#include <Eigen/Cholesky>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/linalg/symmetric_eigen.h"

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<const RowMajor>;

constexpr int kMostSweeps = 300;
constexpr double kStandstill = 1e-5;  // change of the relative error in a sweep
constexpr double kRidge = 1e-9;

/** [rest, rank]: row (j, k, ...) is the product of the rows of all factors but the first. */
RowMajor khatri_rao(const std::vector<std::vector<double>>& factors, const std::vector<int>& dims,
                    int rank) {
  RowMajor product = RowMajor::Ones(1, rank);
  for (size_t mode = 1; mode < dims.size(); ++mode) {
    const View factor(factors[mode].data(), dims[mode], rank);
    RowMajor next(product.rows() * dims[mode], rank);
    for (Eigen::Index i = 0; i < product.rows(); ++i) {
      for (int j = 0; j < dims[mode]; ++j) {
        next.row(i * dims[mode] + j) = product.row(i).cwiseProduct(factor.row(j));
      }
    }
    product = std::move(next);
  }
  return product;
}

/** The elementwise product of the Grams of all factors but one (`without` < 0: of all). */
RowMajor hadamard_of_grams(const std::vector<std::vector<double>>& factors,
                           const std::vector<int>& dims, int rank, int without) {
  RowMajor product = RowMajor::Ones(rank, rank);
  for (size_t mode = 0; mode < dims.size(); ++mode) {
    if (static_cast<int>(mode) == without) continue;
    const View factor(factors[mode].data(), dims[mode], rank);
    product = product.cwiseProduct(factor.transpose() * factor).eval();
  }
  return product;
}

}  // namespace

CpSolver::CpSolver(std::span<const float> tensor, std::vector<int> dims, int rank, uint64_t seed,
                   int start)
    : dims_(std::move(dims)), rank_(rank), tensor_(tensor.begin(), tensor.end()) {
  for (size_t mode = 1; mode < dims_.size(); ++mode) rest_ *= dims_[mode];
  for (double value : tensor_) {
    if (!std::isfinite(value)) {
      fail(Code::INVALID_DATA, "cp", "Expected finite values for a kernel but received ", value);
    }
    norm2_ += value * value;
  }
  initialize(seed, start);
}

void CpSolver::initialize(uint64_t seed, int start) {
  Random random(seed, 100 + static_cast<uint64_t>(start));
  for (int dim : dims_) {
    std::vector<double> factor(static_cast<size_t>(dim) * static_cast<size_t>(rank_));
    for (double& value : factor) value = random.normal();
    factors_.push_back(std::move(factor));
  }
  if (start != 0) return;
  // The second mode is all that the first update does not overwrite and that is worth a start.
  const int inner = rest_ / dims_[1];
  std::vector<double> turned(tensor_.size());
  for (int i = 0; i < dims_[0]; ++i) {
    for (int j = 0; j < dims_[1]; ++j) {
      for (int k = 0; k < inner; ++k) {
        turned[(static_cast<size_t>(j) * static_cast<size_t>(dims_[0]) + static_cast<size_t>(i)) *
                   static_cast<size_t>(inner) +
               static_cast<size_t>(k)] =
            tensor_[static_cast<size_t>(i) * static_cast<size_t>(rest_) +
                    static_cast<size_t>(j * inner + k)];
      }
    }
  }
  const SymmetricEigen eigen = symmetric_eigen(gram(turned, dims_[1], dims_[0] * inner), dims_[1]);
  for (int r = 0; r < std::min(rank_, dims_[1]); ++r) {
    for (int j = 0; j < dims_[1]; ++j) {
      factors_[1][static_cast<size_t>(j) * static_cast<size_t>(rank_) + static_cast<size_t>(r)] =
          eigen.vector(r)[static_cast<size_t>(j)];
    }
  }
}

/** factor = products * (Hadamard product of the other Grams)^-1 */
void CpSolver::solve(size_t mode, const std::vector<double>& products) {
  RowMajor normal = hadamard_of_grams(factors_, dims_, rank_, static_cast<int>(mode));
  const double mean = normal.diagonal().mean();
  normal.diagonal().array() += mean > 0 ? kRidge * mean : 1.0;
  const Eigen::LDLT<Eigen::MatrixXd> solver(normal);
  const View right(products.data(), dims_[mode], rank_);
  Eigen::Map<RowMajor>(factors_[mode].data(), dims_[mode], rank_) =
      solver.solve(right.transpose()).transpose();
}

void CpSolver::update_first() {
  std::vector<double> products(factors_[0].size());
  Eigen::Map<RowMajor>(products.data(), dims_[0], rank_).noalias() =
      View(tensor_.data(), dims_[0], rest_) * khatri_rao(factors_, dims_, rank_);
  solve(0, products);
}

/** The other modes share T contracted with the first factor, which they leave alone. */
void CpSolver::update_others() {
  const RowMajor contracted = View(tensor_.data(), dims_[0], rest_).transpose() *
                              View(factors_[0].data(), dims_[0], rank_);  // [rest, rank]
  double inner = 0;
  Eigen::RowVectorXd term(rank_);
  for (size_t mode = 1; mode < dims_.size(); ++mode) {
    RowMajor products = RowMajor::Zero(dims_[mode], rank_);
    for (int position = 0; position < rest_; ++position) {
      term = contracted.row(position);
      int left = position;
      int own = 0;
      for (size_t other = dims_.size(); other-- > 1;) {
        const int index = left % dims_[other];
        left /= dims_[other];
        if (other == mode) {
          own = index;
        } else {
          term.array() *= View(factors_[other].data(), dims_[other], rank_).row(index).array();
        }
      }
      products.row(own) += term;
    }
    solve(mode, {products.data(), products.data() + products.size()});
    inner = products.cwiseProduct(View(factors_[mode].data(), dims_[mode], rank_)).sum();
  }
  const double size2 = hadamard_of_grams(factors_, dims_, rank_, -1).sum();
  error_ = norm2_ > 0 ? std::sqrt(std::max(0.0, norm2_ - 2 * inner + size2) / norm2_) : 0.0;
}

bool CpSolver::advance() {
  if (sweeps_ >= kMostSweeps) return false;
  const double before = error_;
  update_first();
  update_others();
  ++sweeps_;
  return sweeps_ < 2 || before - error_ > kStandstill;
}

double CpSolver::cancellation() const {
  const RowMajor inner = hadamard_of_grams(factors_, dims_, rank_, -1);
  const double size2 = inner.sum();
  return size2 > 0 ? inner.trace() / size2 : 1.0;
}

CpDecomposition CpSolver::result() const {
  CpDecomposition result;
  result.error = error_;
  result.sweeps = sweeps_;
  result.cancellation = cancellation();
  // Norm balancing: each factor of a term gets the same share of its norm.
  std::vector<RowMajor> balanced;
  for (size_t mode = 0; mode < dims_.size(); ++mode) {
    balanced.emplace_back(View(factors_[mode].data(), dims_[mode], rank_));
  }
  for (int r = 0; r < rank_; ++r) {
    double logarithm = 0;
    bool zero = false;
    for (const RowMajor& factor : balanced) {
      const double norm = factor.col(r).norm();
      zero = zero || !(norm > 0);
      logarithm += zero ? 0 : std::log(norm);
    }
    const double share = std::exp(logarithm / static_cast<double>(balanced.size()));
    for (RowMajor& factor : balanced) {
      factor.col(r) *= zero ? 0.0 : share / factor.col(r).norm();
    }
  }
  for (const RowMajor& factor : balanced) {
    result.factors.emplace_back(factor.data(), factor.data() + factor.size());
  }
  return result;
}

}  // namespace whittle
