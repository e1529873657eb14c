#include "core/compress/cluster/support/kmeans.h"

#include <algorithm>
#include <limits>

#include "core/base/random.h"

namespace whittle {
namespace {

/** Uniform in [0, 1) with all bits of a double: weights come by the million. */
double uniform(Random& random) {
  const double high = random.next();
  return (high + random.next() * 0x1p-32) * 0x1p-32;
}

/** The points nearest to each of ascending centres: centre c has [bounds[c], bounds[c + 1]). */
std::vector<size_t> regions(const WeightedPoints& points, const std::vector<double>& centers) {
  std::vector<size_t> bounds(centers.size() + 1, 0);
  for (size_t c = 1; c < centers.size(); ++c) {
    bounds[c] = points.first_above((centers[c - 1] + centers[c]) / 2);
  }
  bounds.back() = points.size();
  return bounds;
}

/** The point at which the sum of w (x - center)^2 over points from `begin` passes `target`. */
size_t point_at(const WeightedPoints& points, size_t begin, size_t end, double center,
                double target) {
  size_t low = begin;
  size_t high = end - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (points.spread(begin, middle + 1, center) > target) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/** The next seed: a point drawn with a probability proportional to its weighted squared distance
 * from the seeds so far. Which region it falls into, and where there, follow from running sums. */
bool add_seed(const WeightedPoints& points, std::vector<double>& seeds, Random& random) {
  const std::vector<size_t> bounds = regions(points, seeds);
  std::vector<double> spreads;
  double total = 0;
  for (size_t c = 0; c < seeds.size(); ++c) {
    spreads.push_back(points.spread(bounds[c], bounds[c + 1], seeds[c]));
    total += spreads.back();
  }
  double target = uniform(random) * total;
  for (size_t c = 0; c < seeds.size(); ++c) {
    if (target >= spreads[c] && c + 1 < seeds.size()) {
      target -= spreads[c];
      continue;
    }
    if (bounds[c] == bounds[c + 1]) return false;
    const double seed = points.value(point_at(points, bounds[c], bounds[c + 1], seeds[c], target));
    const auto place = std::lower_bound(seeds.begin(), seeds.end(), seed);
    if (place != seeds.end() && *place == seed) return false;  // only rounding is left to cover
    seeds.insert(place, seed);
    return true;
  }
  return false;
}

std::vector<double> seed_centers(const WeightedPoints& points, const ClusterGoal& goal,
                                 Random& random) {
  std::vector<double> seeds = {0.0};
  if (!goal.keep_zero) {
    // The first is drawn by weight alone.
    const double target = uniform(random) * points.mass(0, points.size());
    size_t low = 0;
    size_t high = points.size() - 1;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (points.mass(0, middle + 1) > target) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    seeds[0] = points.value(low);
  }
  while (seeds.size() < goal.clusters && add_seed(points, seeds, random)) {
  }
  return seeds;
}

/** Every point its own centre, when they are few. */
bool each_its_own(const WeightedPoints& points, const ClusterGoal& goal,
                  std::vector<float>& centers) {
  if (points.size() > goal.clusters) return false;
  for (size_t i = 0; i < points.size(); ++i) centers.push_back(static_cast<float>(points.value(i)));
  return true;
}

}  // namespace

size_t nearest_center(std::span<const float> centers, float value) {
  const auto above = std::lower_bound(centers.begin(), centers.end(), value);
  if (above == centers.begin()) return 0;
  if (above == centers.end()) return centers.size() - 1;
  const double up = static_cast<double>(*above) - value;
  const double down = static_cast<double>(value) - *(above - 1);
  return static_cast<size_t>(above - centers.begin()) - (down <= up ? 1 : 0);
}

double clustering_cost(const WeightedPoints& points, const std::vector<float>& centers) {
  const std::vector<double> wide(centers.begin(), centers.end());
  const std::vector<size_t> bounds = regions(points, wide);
  double cost = 0;
  for (size_t c = 0; c < wide.size(); ++c) {
    cost += points.spread(bounds[c], bounds[c + 1], wide[c]);
  }
  return cost;
}

std::vector<float> lloyd(const WeightedPoints& points, std::vector<double> centers,
                         bool keep_zero) {
  // Far more than it takes; on a line each iteration costs k binary searches.
  constexpr int kMostIterations = 1000;
  std::vector<size_t> bounds;
  for (int i = 0; i < kMostIterations; ++i) {
    std::vector<size_t> next = regions(points, centers);
    if (next == bounds) break;
    bounds = std::move(next);
    std::vector<double> moved;
    for (size_t c = 0; c < centers.size(); ++c) {
      const bool fixed = keep_zero && centers[c] == 0;
      if (bounds[c] == bounds[c + 1] && !fixed) continue;
      moved.push_back(fixed ? 0.0 : points.mean(bounds[c], bounds[c + 1]));
    }
    centers = std::move(moved);
  }
  std::vector<float> result(centers.begin(), centers.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::vector<float> kmeans(const WeightedPoints& points, const ClusterGoal& goal, uint64_t seed,
                          const CancelFlag& cancel) {
  constexpr int kRuns = 8;
  std::vector<float> best;
  if (each_its_own(points, goal, best)) return best;
  double least = std::numeric_limits<double>::infinity();
  for (int run = 0; run < kRuns; ++run) {
    cancel.poll();
    Random random(seed, static_cast<uint64_t>(run));
    std::vector<float> centers = lloyd(points, seed_centers(points, goal, random), goal.keep_zero);
    const double cost = clustering_cost(points, centers);
    if (cost < least) {
      least = cost;
      best = std::move(centers);
    }
  }
  return best;
}

namespace {

/** least[m][j]: cost of the points before start j in m + 1 clusters; one row at a time. */
class OptimalClusters {
 public:
  OptimalClusters(const WeightedPoints& points, std::vector<size_t> starts)
      : points_(points), starts_(std::move(starts)) {}

  /** Bounds of the clusters, in points. */
  std::vector<size_t> solve(size_t clusters, const CancelFlag& cancel) {
    const size_t n = starts_.size() - 1;
    row_.resize(n + 1);
    for (size_t j = 0; j <= n; ++j) row_[j] = points_.cost(0, starts_[j]);
    std::vector<std::vector<uint16_t>> choices;
    for (size_t m = 1; m < clusters; ++m) {
      cancel.poll();
      next_.assign(n + 1, std::numeric_limits<double>::infinity());
      choice_.assign(n + 1, 0);
      fill(m + 1, n, m, n);  // every cluster has a point
      row_.swap(next_);
      choices.push_back(choice_);
    }
    std::vector<size_t> bounds = {points_.size()};
    size_t end = n;
    for (size_t m = choices.size(); m-- > 0;) {
      end = choices[m][end];
      bounds.push_back(starts_[end]);
    }
    bounds.push_back(0);
    std::reverse(bounds.begin(), bounds.end());
    return bounds;
  }

 private:
  /** Fills next_[low .. high], whose best last clusters begin in [first, last]: the costs satisfy
   * the quadrangle inequality, so that best beginnings only move up. */
  void fill(size_t low, size_t high, size_t first, size_t last) {
    const size_t middle = low + (high - low) / 2;
    for (size_t i = first; i <= std::min(last, middle - 1); ++i) {
      const double cost = row_[i] + points_.cost(starts_[i], starts_[middle]);
      if (cost < next_[middle]) {
        next_[middle] = cost;
        choice_[middle] = static_cast<uint16_t>(i);
      }
    }
    const size_t best = choice_[middle];
    if (middle > low) fill(low, middle - 1, first, best);
    if (middle < high) fill(middle + 1, high, best, last);
  }

  const WeightedPoints& points_;
  std::vector<size_t> starts_;  // where clusters may begin, and the end
  std::vector<double> row_, next_;
  std::vector<uint16_t> choice_;
};

}  // namespace

std::vector<float> optimal_kmeans(const WeightedPoints& points, const ClusterGoal& goal,
                                  const CancelFlag& cancel) {
  constexpr size_t kMostStarts = 16384;
  std::vector<float> few;
  if (each_its_own(points, goal, few)) return few;
  const size_t count = std::min(points.size(), kMostStarts);
  std::vector<size_t> starts;
  for (size_t i = 0; i <= count; ++i) starts.push_back(points.size() * i / count);
  const std::vector<size_t> bounds =
      OptimalClusters(points, std::move(starts)).solve(goal.clusters, cancel);
  std::vector<double> centers;
  for (size_t c = 0; c + 1 < bounds.size(); ++c) {
    centers.push_back(points.mean(bounds[c], bounds[c + 1]));
  }
  if (goal.keep_zero) {
    *std::min_element(centers.begin(), centers.end(),
                      [](double a, double b) { return std::abs(a) < std::abs(b); }) = 0;
  }
  return lloyd(points, std::move(centers), goal.keep_zero);
}

}  // namespace whittle
