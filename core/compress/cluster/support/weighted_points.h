#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace whittle {

/**
 * Weighted points on a line, sorted, with running sums: what a range of neighbours costs as one
 * cluster is known without looking at them.
 */
class WeightedPoints {
 public:
  /** `weights`: one per value, not negative, or empty for ones. Equal values become one point.
   * Values must be finite. */
  WeightedPoints(std::span<const float> values, std::span<const float> weights);

  size_t size() const { return values_.size(); }
  double value(size_t i) const { return values_[i]; }
  /** Index of the first point above `limit`. */
  size_t first_above(double limit) const;
  /** Sum of the weights of points [begin, end). */
  double mass(size_t begin, size_t end) const { return mass_[end] - mass_[begin]; }
  /** Their weighted mean; the middle of their values when they weigh nothing. */
  double mean(size_t begin, size_t end) const;
  /** Sum of w (x - center)^2 over points [begin, end). */
  double spread(size_t begin, size_t end, double center) const;
  /** The same about their own mean: the cost of making them one cluster. */
  double cost(size_t begin, size_t end) const;

 private:
  std::vector<double> values_;
  double origin_ = 0;  // sums are taken about it, so that they do not cancel
  // Sums over the points before each: w, w (x - origin), w (x - origin)^2.
  std::vector<double> mass_, first_, second_;
};

}  // namespace whittle
