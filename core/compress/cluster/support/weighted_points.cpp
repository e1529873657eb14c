#include "core/compress/cluster/support/weighted_points.h"

#include <algorithm>
#include <utility>

namespace whittle {

WeightedPoints::WeightedPoints(std::span<const float> values, std::span<const float> weights) {
  std::vector<std::pair<float, float>> sorted;
  sorted.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    sorted.emplace_back(values[i] + 0.0f, weights.empty() ? 1.0f : weights[i]);  // -0 becomes 0
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> masses;
  for (const auto& [value, weight] : sorted) {
    if (values_.empty() || values_.back() != value) {
      values_.push_back(value);
      masses.push_back(0);
    }
    masses.back() += weight;
    origin_ += value / static_cast<double>(sorted.size());
  }
  mass_.assign(1, 0);
  first_.assign(1, 0);
  second_.assign(1, 0);
  for (size_t i = 0; i < values_.size(); ++i) {
    const double x = values_[i] - origin_;
    mass_.push_back(mass_.back() + masses[i]);
    first_.push_back(first_.back() + masses[i] * x);
    second_.push_back(second_.back() + masses[i] * x * x);
  }
}

size_t WeightedPoints::first_above(double limit) const {
  return static_cast<size_t>(std::upper_bound(values_.begin(), values_.end(), limit) -
                             values_.begin());
}

double WeightedPoints::mean(size_t begin, size_t end) const {
  const double w = mass(begin, end);
  if (w > 0) return origin_ + (first_[end] - first_[begin]) / w;
  return (values_[begin] + values_[end - 1]) / 2;
}

double WeightedPoints::spread(size_t begin, size_t end, double center) const {
  const double c = center - origin_;
  const double sum = second_[end] - second_[begin] - 2 * c * (first_[end] - first_[begin]) +
                     c * c * mass(begin, end);
  return std::max(0.0, sum);
}

double WeightedPoints::cost(size_t begin, size_t end) const {
  const double w = mass(begin, end);
  if (end - begin < 2 || !(w > 0)) return 0;
  const double wx = first_[end] - first_[begin];
  return std::max(0.0, second_[end] - second_[begin] - wx * wx / w);
}

}  // namespace whittle
