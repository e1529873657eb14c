#include <algorithm>
#include <array>
#include <cmath>

#include "core/compress/quantize/support/calibration/calibrators.h"

namespace whittle {
namespace {

/** Integral of (t - q(t))^2 from 0 to u, q rounding to the nearest integer of [low, high], a range
 * around zero: whole steps give 1/12 each, the rest is a cubic, clipped or not. */
double noise_integral(double u, double low, double high) {
  const double n = std::min(std::max(std::nearbyint(u), low), high);
  const double rest = u - n;
  return n / 12 + rest * rest * rest / 3;
}

/** Calls visit(a, b, count) for every bin that holds values other than zero, cut to [min, max]. */
template <typename Visit>
void for_each_bin(const Histogram& histogram, Visit visit) {
  for (int i = 0; i < Histogram::kBins; ++i) {
    uint64_t count = histogram.counts()[static_cast<size_t>(i)];
    if (i == histogram.zero_bin()) count -= histogram.zeros();
    if (count == 0) continue;
    const double a = std::max(histogram.edge(i), static_cast<double>(histogram.min()));
    const double b = std::min(histogram.edge(i + 1), static_cast<double>(histogram.max()));
    visit(a, b, static_cast<double>(count));
  }
}

/** Finds the reaches (of the lower and the upper end, as shares of the whole) with the least noise:
 * on a grid of factors 0.8 along the diagonal and each axis, then with ever smaller factors. */
class Search {
 public:
  Search(const Histogram& histogram, const ActivationForm& form)
      : histogram_(histogram), form_(form) {
    movable_[0] = !form.symmetric && histogram.min() < 0;
    movable_[1] = form.symmetric || histogram.max() > 0;
    least_ = noise(best_);
  }

  Interval run() {
    for (int k = 1; k <= kCoarseSteps; ++k) {
      const double share = std::pow(kCoarse, k);
      take({movable_[0] ? share : 1.0, movable_[1] ? share : 1.0});
    }
    for (bool better = true; better;) {
      better = false;
      for (size_t end = 0; end < 2; ++end) better = sweep(end) || better;
    }
    for (double factor = std::sqrt(kCoarse); factor < kFinest; factor = std::sqrt(factor)) {
      for (bool better = true; better;) {
        better = false;
        for (size_t end = 0; end < 2; ++end) {
          better = nudge(end, factor) || nudge(end, 1 / factor) || better;
        }
      }
    }
    return interval(best_);
  }

 private:
  using Shares = std::array<double, 2>;
  static constexpr double kCoarse = 0.8;
  static constexpr int kCoarseSteps = 32;  // down to 1/1000 of the range
  static constexpr double kFinest = 0.999;

  Interval interval(Shares shares) const {
    if (form_.symmetric) {
      const double reach = std::max(-histogram_.min(), histogram_.max());
      const auto end = static_cast<float>(reach * shares[1]);
      return {std::max(-end, histogram_.min()), std::min(end, histogram_.max())};
    }
    return {static_cast<float>(histogram_.min() * shares[0]),
            static_cast<float>(histogram_.max() * shares[1])};
  }
  double noise(Shares shares) const {
    return quantization_noise(histogram_, form_.affine(interval(shares)), form_.limits());
  }
  bool take(Shares shares) {
    const double error = noise(shares);
    if (error >= least_) return false;
    least_ = error;
    best_ = shares;
    return true;
  }
  bool sweep(size_t end) {
    if (!movable_[end]) return false;
    bool better = false;
    for (int k = 0; k <= kCoarseSteps; ++k) {
      Shares shares = best_;
      shares[end] = std::pow(kCoarse, k);
      better = take(shares) || better;
    }
    return better;
  }
  bool nudge(size_t end, double factor) {
    Shares shares = best_;
    shares[end] = std::min(shares[end] * factor, 1.0);
    return movable_[end] && shares != best_ && take(shares);
  }

  const Histogram& histogram_;
  const ActivationForm& form_;
  std::array<bool, 2> movable_ = {};
  Shares best_ = {1.0, 1.0};
  double least_ = 0;
};

}  // namespace

double quantization_noise(const Histogram& histogram, Affine affine, QLimits limits) {
  const double scale = affine.scale;
  const double low = limits.min - affine.zero_point;
  const double high = limits.max - affine.zero_point;
  double sum = 0;
  double last = 0;
  double at_last = 0;
  for_each_bin(histogram, [&](double a, double b, double count) {
    const double from = a / scale;
    const double to = b / scale;
    if (to <= from) {  // the greatest value, on an edge
      const double error = from - std::min(std::max(std::nearbyint(from), low), high);
      sum += count * error * error;
      return;
    }
    const double start = a == last ? at_last : noise_integral(from, low, high);
    const double end = noise_integral(to, low, high);
    sum += count * (end - start) / (to - from);
    last = b;
    at_last = end;
  });
  const auto total = static_cast<double>(histogram.total());
  return total == 0 ? 0 : scale * scale * sum / total;
}

double quantization_sqnr_db(const Histogram& histogram, Affine affine, QLimits limits) {
  double signal = 0;
  for_each_bin(histogram, [&](double a, double b, double count) {
    signal += count * (a * a + a * b + b * b) / 3;
  });
  const double noise = quantization_noise(histogram, affine, limits);
  if (signal <= 0 || noise <= 0) return 300;
  return std::min(300.0, 10 * std::log10(signal / static_cast<double>(histogram.total()) / noise));
}

Interval mse_interval(const Histogram& histogram, const ActivationForm& form) {
  if (histogram.total() == 0 || histogram.width() == 0) return {histogram.min(), histogram.max()};
  return Search(histogram, form).run();
}

}  // namespace whittle
