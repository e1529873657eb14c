#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/compress/cluster/support/weighted_points.h"

namespace whittle {

/** What clusters are wanted. */
struct ClusterGoal {
  size_t clusters = 16;
  /** Zero must be one of the centres (pruned weights stay zero). */
  bool keep_zero = false;
};

/** The centre nearest to `value` among ascending `centers`; the lower of two as near. */
size_t nearest_center(std::span<const float> centers, float value);

/** Sum of w (x - nearest center)^2. */
double clustering_cost(const WeightedPoints& points, const std::vector<float>& centers);

/**
 * k-means on a line: k-means++ seeds (Arthur & Vassilvitskii 2007), Lloyd's iteration to its fixed
 * point, the best of several such runs. Returns ascending centres, at most goal.clusters of them;
 * where there are no more points than clusters, the points themselves. Depends on `seed` only.
 */
std::vector<float> kmeans(const WeightedPoints& points, const ClusterGoal& goal, uint64_t seed,
                          const CancelFlag& cancel);

/**
 * The clustering of least cost, by dynamic programming over the sorted points with the divide and
 * conquer optimisation (Gronlund et al. 2017, "Fast exact k-means, k-medians and Bregman divergence
 * clustering in 1D"): O(k n log n). With more than 16,384 distinct points clusters may only begin
 * at as many evenly spaced ones, and with goal.keep_zero one centre is moved to zero; in both cases
 * Lloyd's iteration follows.
 */
std::vector<float> optimal_kmeans(const WeightedPoints& points, const ClusterGoal& goal,
                                  const CancelFlag& cancel);

/** Lloyd's iteration from given centres to its fixed point; those that lose every point go. */
std::vector<float> lloyd(const WeightedPoints& points, std::vector<double> centers, bool keep_zero);

}  // namespace whittle
