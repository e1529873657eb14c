#include "core/linalg/tucker2.h"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "core/linalg/symmetric_eigen.h"

namespace whittle {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<const RowMajor>;

constexpr int kMostSweeps = 200;
/** Of the energy of the whole kernel, gained by a sweep: less is standstill. */
constexpr double kStandstill = 1e-7;

/** [a, b, c] -> [b, a, c] */
std::vector<double> swap_first_two(const double* x, int a, int b, int c) {
  std::vector<double> result(static_cast<size_t>(a) * static_cast<size_t>(b) *
                             static_cast<size_t>(c));
  for (int i = 0; i < a; ++i) {
    for (int j = 0; j < b; ++j) {
      const double* from =
          x + (static_cast<size_t>(i) * static_cast<size_t>(b) + static_cast<size_t>(j)) *
                  static_cast<size_t>(c);
      double* to = result.data() +
                   (static_cast<size_t>(j) * static_cast<size_t>(a) + static_cast<size_t>(i)) *
                       static_cast<size_t>(c);
      std::copy_n(from, c, to);
    }
  }
  return result;
}

std::vector<double> spectrum_of(const SymmetricEigen& eigen, int rest) {
  const int count = std::min(eigen.n, rest);
  std::vector<double> squares;
  for (int i = 0; i < count; ++i) {
    squares.push_back(std::max(0.0, eigen.values[static_cast<size_t>(i)]));
  }
  return squares;
}

/** Moves the rows of `basis` [rank, n] towards the leading left singular vectors of y [n, m], by a
 * step of subspace iteration: more of them between sweeps buy nothing, since y moves too. */
void improve(std::vector<double>& basis, int rank, int n, const std::vector<double>& y, int m) {
  const View matrix(y.data(), n, m);
  Eigen::Map<RowMajor> rows(basis.data(), rank, n);
  const RowMajor seen = rows * matrix;                        // [rank, m]
  const Eigen::MatrixXd powered = matrix * seen.transpose();  // [n, rank]
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(powered);
  const Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(n, rank);
  rows = q.transpose();
}

void fix_signs(std::vector<double>& basis, int rank, int n) {
  Eigen::Map<RowMajor> rows(basis.data(), rank, n);
  for (int i = 0; i < rank; ++i) {
    Eigen::Index largest = 0;
    rows.row(i).cwiseAbs().maxCoeff(&largest);
    if (rows(i, largest) < 0) rows.row(i) = -rows.row(i);
  }
}

/** basis [rank, n] times x [n, m]. */
std::vector<double> project(const std::vector<double>& basis, int rank, int n,
                            const std::vector<double>& x, int m) {
  std::vector<double> result(static_cast<size_t>(rank) * static_cast<size_t>(m));
  Eigen::Map<RowMajor>(result.data(), rank, m).noalias() =
      View(basis.data(), rank, n) * View(x.data(), n, m);
  return result;
}

double squared_norm(const std::vector<double>& x) {
  double sum = 0;
  for (double value : x) sum += value * value;
  return sum;
}

}  // namespace

Tucker2Solver::Tucker2Solver(std::span<const float> kernel, int outputs, int inputs, int taps)
    : outputs_(outputs),
      inputs_(inputs),
      taps_(taps),
      by_out_(kernel.begin(), kernel.end()),
      by_in_(swap_first_two(by_out_.data(), outputs, inputs, taps)) {
  norm2_ = squared_norm(by_out_);
  SymmetricEigen out = symmetric_eigen(gram(by_out_, outputs, inputs * taps), outputs);
  SymmetricEigen in = symmetric_eigen(gram(by_in_, inputs, outputs * taps), inputs);
  out_spectrum_ = spectrum_of(out, inputs * taps);
  in_spectrum_ = spectrum_of(in, outputs * taps);
  out_full_ = std::move(out.vectors);
  in_full_ = std::move(in.vectors);
}

void Tucker2Solver::start(int rank_out, int rank_in) {
  rank_out_ = std::clamp(rank_out, 1, static_cast<int>(out_spectrum_.size()));
  rank_in_ = std::clamp(rank_in, 1, static_cast<int>(in_spectrum_.size()));
  out_.assign(out_full_.begin(), out_full_.begin() + static_cast<int64_t>(rank_out_) * outputs_);
  in_.assign(in_full_.begin(), in_full_.begin() + static_cast<int64_t>(rank_in_) * inputs_);
  sweeps_ = 0;
  start_kept_ = kept();
  last_kept_ = start_kept_;
}

/** ||core||^2, the energy of the approximation. */
double Tucker2Solver::kept() const {
  const std::vector<double> seen = project(in_, rank_in_, inputs_, by_in_, outputs_ * taps_);
  const std::vector<double> turned = swap_first_two(seen.data(), rank_in_, outputs_, taps_);
  return squared_norm(project(out_, rank_out_, outputs_, turned, rank_in_ * taps_));
}

bool Tucker2Solver::advance() {
  const bool fixed_out = rank_out_ == outputs_;
  const bool fixed_in = rank_in_ == inputs_;
  // With one mode whole the HOSVD of the other is the optimum.
  if (fixed_out || fixed_in || sweeps_ >= kMostSweeps) return false;
  std::vector<double> seen = project(in_, rank_in_, inputs_, by_in_, outputs_ * taps_);
  std::vector<double> turned = swap_first_two(seen.data(), rank_in_, outputs_, taps_);
  improve(out_, rank_out_, outputs_, turned, rank_in_ * taps_);
  seen = project(out_, rank_out_, outputs_, by_out_, inputs_ * taps_);
  turned = swap_first_two(seen.data(), rank_out_, inputs_, taps_);
  improve(in_, rank_in_, inputs_, turned, rank_out_ * taps_);
  ++sweeps_;
  // What the first mode leaves is at hand: the core is one small product away.
  const double now = squared_norm(project(in_, rank_in_, inputs_, turned, rank_out_ * taps_));
  const double gained = now - last_kept_;
  last_kept_ = now;
  return gained > kStandstill * norm2_;
}

Tucker2 Tucker2Solver::result() const {
  Tucker2 result;
  result.rank_out = rank_out_;
  result.rank_in = rank_in_;
  result.sweeps = sweeps_;
  std::vector<double> out = out_;
  std::vector<double> in = in_;
  fix_signs(out, rank_out_, outputs_);
  fix_signs(in, rank_in_, inputs_);
  const std::vector<double> half = project(out, rank_out_, outputs_, by_out_, inputs_ * taps_);
  const std::vector<double> turned = swap_first_two(half.data(), rank_out_, inputs_, taps_);
  const std::vector<double> core = project(in, rank_in_, inputs_, turned, rank_out_ * taps_);
  const std::vector<double> ordered = swap_first_two(core.data(), rank_in_, rank_out_, taps_);
  result.core.assign(ordered.begin(), ordered.end());
  result.in.assign(in.begin(), in.end());
  result.out.resize(out.size());
  for (int a = 0; a < rank_out_; ++a) {
    for (int o = 0; o < outputs_; ++o) {
      result.out[static_cast<size_t>(o * rank_out_ + a)] =
          static_cast<float>(out[static_cast<size_t>(a * outputs_ + o)]);
    }
  }
  if (norm2_ > 0) {
    result.start_error = std::sqrt(std::max(0.0, 1 - start_kept_ / norm2_));
    result.error = std::sqrt(std::max(0.0, 1 - last_kept_ / norm2_));
  }
  return result;
}

Tucker2 tucker2_of(std::span<const float> kernel, int outputs, int inputs, int taps,
                   std::span<const float> out_rows, int rank_out, std::span<const float> in_rows,
                   std::span<const float> decoder, int rank_in) {
  using FloatView =
      Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  const RowMajor v = FloatView(out_rows.data(), rank_out, outputs).cast<double>();
  const RowMajor d = FloatView(decoder.data(), inputs, rank_in).cast<double>();
  const RowMajor k = FloatView(kernel.data(), outputs, inputs * taps).cast<double>();
  const RowMajor half = v * k;  // [rank_out, inputs, taps]
  Tucker2 result;
  result.rank_out = rank_out;
  result.rank_in = rank_in;
  result.core.resize(static_cast<size_t>(rank_out * rank_in * taps));
  for (int a = 0; a < rank_out; ++a) {
    const View from(half.data() + static_cast<int64_t>(a) * inputs * taps, inputs, taps);
    Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
        result.core.data() + static_cast<int64_t>(a) * rank_in * taps, rank_in, taps) =
        (d.transpose() * from).cast<float>();
  }
  result.in.assign(in_rows.begin(), in_rows.end());
  result.out.resize(static_cast<size_t>(outputs * rank_out));
  for (int a = 0; a < rank_out; ++a) {
    for (int o = 0; o < outputs; ++o) {
      result.out[static_cast<size_t>(o * rank_out + a)] =
          out_rows[static_cast<size_t>(a * outputs + o)];
    }
  }
  return result;
}

}  // namespace whittle
