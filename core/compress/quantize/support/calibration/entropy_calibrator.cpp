// The Kullback-Leibler calibrator, step by step as onnxruntime/python/tools/quantization/
// calibrate.py (get_entropy_threshold) and quant_utils.py (smooth_distribution) define it.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/compress/quantize/support/calibration/calibrators.h"

namespace whittle {
namespace {

constexpr int kQuantizedBins = 128;
constexpr double kSmoothing = 1e-4;

/** Counts symmetric around zero; zero lies between bins half - 1 and half. */
struct SymmetricCounts {
  std::vector<double> counts;
  double width = 0;
  int half() const { return static_cast<int>(counts.size() / 2); }
};

/** At most kBins bins over [-reach, reach]: pairs are merged where the data is one-sided. */
SymmetricCounts symmetric_counts(const Histogram& histogram) {
  const int zero = histogram.zero_bin();
  const double reach = std::max(-histogram.min(), histogram.max());
  const int needed = static_cast<int>(std::ceil(reach / histogram.width()));
  const int merged = needed > Histogram::kBins / 2 ? 2 : 1;
  const int half = (needed + merged - 1) / merged;
  SymmetricCounts made{std::vector<double>(static_cast<size_t>(2 * half), 0.0),
                       histogram.width() * merged};
  for (int i = 0; i < Histogram::kBins; ++i) {
    const uint64_t count = histogram.counts()[static_cast<size_t>(i)];
    if (count == 0) continue;
    const int from_zero = i - zero;
    const int bin = from_zero >= 0 ? from_zero / merged : -((-from_zero + merged - 1) / merged);
    made.counts[static_cast<size_t>(std::min(half + bin, 2 * half - 1))] +=
        static_cast<double>(count);
  }
  return made;
}

/** Takes a little from what is not zero for what is; false when all is zero. */
bool smooth(std::vector<double>& p) {
  const auto zeros = static_cast<double>(std::count(p.begin(), p.end(), 0.0));
  const double others = static_cast<double>(p.size()) - zeros;
  if (others == 0) return false;
  const double taken = kSmoothing * zeros / others;
  for (double& value : p) value = value == 0 ? kSmoothing : value - taken;
  return true;
}

double divergence(std::vector<double>& p, std::vector<double>& q) {
  if (!smooth(p) || !smooth(q)) return std::numeric_limits<double>::infinity();
  double p_sum = 0;
  double q_sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    p_sum += p[i];
    q_sum += q[i];
  }
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] * std::log(p[i] / q[i]);
  return sum / p_sum + std::log(q_sum / p_sum);
}

/** The slice in kQuantizedBins steps, spread again over the bins of each step that `p` fills.
 * Counts are whole numbers, so the shares are cut to such. */
void spread_steps(std::span<const double> slice, const std::vector<double>& p,
                  std::vector<double>& q) {
  q.assign(slice.size(), 0.0);
  const size_t merged = slice.size() / kQuantizedBins;
  for (size_t step = 0; step < kQuantizedBins; ++step) {
    const size_t start = step * merged;
    const size_t end = start + merged;
    const size_t last = step + 1 == kQuantizedBins ? slice.size() : end;
    double sum = 0;
    for (size_t i = start; i < last; ++i) sum += slice[i];
    double filled = 0;
    for (size_t i = start; i < end; ++i) filled += p[i] != 0 ? 1 : 0;
    if (filled == 0) continue;
    std::fill(q.begin() + static_cast<std::ptrdiff_t>(start),
              q.begin() + static_cast<std::ptrdiff_t>(end), std::floor(sum / filled));
  }
}

}  // namespace

Interval entropy_interval(const Histogram& histogram) {
  const Interval whole{histogram.min(), histogram.max()};
  if (histogram.total() == 0 || histogram.width() == 0) return whole;
  const SymmetricCounts symmetric = symmetric_counts(histogram);
  const int half = symmetric.half();
  std::vector<double> before(symmetric.counts.size() + 1, 0.0);
  for (size_t i = 0; i < symmetric.counts.size(); ++i) {
    before[i + 1] = before[i] + symmetric.counts[i];
  }
  double least = std::numeric_limits<double>::infinity();
  Interval best = whole;
  std::vector<double> p;
  std::vector<double> q;
  for (int i = kQuantizedBins / 2; i <= half; ++i) {
    const int start = half - i;
    const int end = std::min(half + i + 1, 2 * half);
    const std::span<const double> slice(symmetric.counts.data() + start,
                                        static_cast<size_t>(end - start));
    p.assign(slice.begin(), slice.end());
    p.front() += before[static_cast<size_t>(start)];
    p.back() += before.back() - before[static_cast<size_t>(end)];
    spread_steps(slice, p, q);
    const double lost = divergence(p, q);
    if (lost >= least) continue;
    least = lost;
    best = {static_cast<float>((start - half) * symmetric.width),
            static_cast<float>((end - half) * symmetric.width)};
  }
  return {std::max(best.min, whole.min), std::min(best.max, whole.max)};
}

}  // namespace whittle
