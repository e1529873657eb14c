#include "core/linalg/vbmf.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace whittle {
namespace {

double phi(double z) {
  return std::log1p(z) / z - 0.5;
}

/** The free energy as a function of the noise variance, up to constants (equation 29 ff.). */
class FreeEnergy {
 public:
  /** `squares`: of all L singular values of an L x M matrix, L <= M. */
  FreeEnergy(std::vector<double> squares, double m, double alpha, double bound)
      : squares_(std::move(squares)), m_(m), alpha_(alpha), bound_(bound) {}

  double operator()(double variance) const {
    double sum = 0;
    for (double square : squares_) {
      const double x = square / (m_ * variance);
      if (x <= bound_) {
        sum += x - std::log(x);
        continue;
      }
      const double rest = x - (1 + alpha_);
      const double tau = 0.5 * (rest + std::sqrt(std::max(0.0, rest * rest - 4 * alpha_)));
      sum += x - tau + std::log((tau + 1) / x) + alpha_ * std::log(tau / alpha_ + 1);
    }
    return sum;
  }

 private:
  std::vector<double> squares_;
  double m_;
  double alpha_;
  double bound_;
};

/** The least value between two positive bounds: a grid in the logarithm, then golden sections. */
double minimize(const FreeEnergy& energy, double low, double high) {
  constexpr int kGrid = 256;
  const double step = (std::log(high) - std::log(low)) / kGrid;
  const auto at = [&](double position) {
    return energy(std::exp(std::log(low) + position * step));
  };
  int best = 0;
  double least = at(0);
  for (int i = 1; i <= kGrid; ++i) {
    if (const double value = at(i); value < least) {
      least = value;
      best = i;
    }
  }
  double left = std::max(0, best - 1);
  double right = std::min(kGrid, best + 1);
  const double golden = (std::sqrt(5.0) - 1) / 2;
  for (int i = 0; i < 60; ++i) {
    const double a = right - golden * (right - left);
    const double b = left + golden * (right - left);
    if (at(a) < at(b)) {
      right = b;
    } else {
      left = a;
    }
  }
  return std::exp(std::log(low) + (left + right) / 2 * step);
}

}  // namespace

double vbmf_tau(double alpha) {
  // Both terms fall, so there is one zero; phi(z) > 0 for z < 2.5129.
  double low = 1e-9;
  double high = 3;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (phi(middle) + phi(middle / alpha) > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

Vbmf vbmf(std::span<const double> singular_values, int rows, int cols) {
  const double l = std::min(rows, cols);
  const double m = std::max(rows, cols);
  Vbmf result;
  if (singular_values.empty() || !(singular_values[0] > 0)) return result;
  // What lies within the rounding of floats is no signal, whatever structure it has.
  const double floor = std::pow(1e-6 * singular_values[0], 2);
  std::vector<double> squares;
  double sum = 0;
  for (double s : singular_values) {
    squares.push_back(std::max(s * s, floor));
    sum += squares.back();
  }
  const double alpha = l / m;
  const double tau = vbmf_tau(alpha);
  const double bound = (1 + tau) * (1 + alpha / tau);
  // At most ceil(L / (1 + alpha)) - 1 components can be more than noise.
  const auto most = std::clamp<size_t>(static_cast<size_t>(std::ceil(l / (1 + alpha))) - 1, 0,
                                       squares.size() - 1);
  double tail = 0;
  for (size_t i = most; i < squares.size(); ++i) tail += squares[i];
  tail /= static_cast<double>(squares.size() - most);
  const double highest = sum / (l * m);
  const double lowest = std::min(highest, std::max(squares[most] / (m * bound), tail / m));
  result.noise_variance = minimize(FreeEnergy(squares, m, alpha, bound), lowest, highest);
  result.threshold = std::sqrt(m * result.noise_variance * bound);
  for (double s : singular_values) result.rank += s > result.threshold ? 1 : 0;
  return result;
}

}  // namespace whittle
