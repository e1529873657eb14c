#include "core/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace whittle {

Interval wilson(int64_t hits, int64_t count, double z) {
  if (count <= 0) return {0, 1};
  const double n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  const double z2 = z * z;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

Interval paired_difference(int64_t only_first, int64_t only_second, int64_t count, double z) {
  if (count <= 0) return {-1, 1};
  const double b = static_cast<double>(only_first) + 0.5;
  const double c = static_cast<double>(only_second) + 0.5;
  const double n = static_cast<double>(count) + 2;
  const double difference = (b - c) / n;
  const double half = z * std::sqrt(std::max(0.0, (b + c) / n - difference * difference) / n);
  return {std::max(-1.0, difference - half), std::min(1.0, difference + half)};
}

int64_t samples_to_resolve(double share, double bound, double z) {
  if (share <= bound) return 0;
  // Wilson's lower end at n reaches `bound` when the score test accepts it:
  // (share - bound)^2 >= z^2 bound (1 - bound) / n.
  const double gap = share - bound;
  return static_cast<int64_t>(std::ceil(z * z * bound * (1 - bound) / (gap * gap)));
}

double quantile(std::span<const double> samples, double q) {
  if (samples.empty()) return 0;
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double fraction = place - static_cast<double>(below);
  return sorted[below] + (sorted[above] - sorted[below]) * fraction;
}

nlohmann::json latency_statistics(std::span<const double> milliseconds) {
  if (milliseconds.empty()) return {{"runs", 0}};
  const double median = quantile(milliseconds, 0.5);
  const double sum = std::accumulate(milliseconds.begin(), milliseconds.end(), 0.0);
  const double range = quantile(milliseconds, 0.9) - quantile(milliseconds, 0.1);
  return {{"runs", milliseconds.size()},
          {"median", median},
          {"p95", quantile(milliseconds, 0.95)},
          {"mean", sum / static_cast<double>(milliseconds.size())},
          {"min", *std::min_element(milliseconds.begin(), milliseconds.end())},
          {"max", *std::max_element(milliseconds.begin(), milliseconds.end())},
          {"spread", median > 0 ? range / median : 0.0}};
}

}  // namespace whittle
