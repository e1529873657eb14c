#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/compress/cluster/support/kmeans.h"
#include "core/compress/cluster/support/palette.h"

namespace whittle {

/** How the codebooks of a weight are found. */
struct ClusterOptions {
  int bits = 4;
  bool optimal = false;
  uint64_t seed = 0;

  size_t entries() const { return size_t{1} << bits; }
};

/**
 * One codebook of `options.entries()` ascending values; where the points are fewer, the last value
 * is repeated. Zero is one of them exactly when zeros are as many as their fair share of the codes.
 * `importance`: one per value, or empty.
 */
std::vector<float> cluster_values(std::span<const float> values, std::span<const float> importance,
                                  const ClusterOptions& options, const CancelFlag& cancel);

/** A codebook for each group of `weight` (f32), one after the other. */
std::vector<float> cluster_groups(const Tensor& weight, const PaletteGroups& groups,
                                  std::span<const float> importance, const ClusterOptions& options,
                                  const CancelFlag& cancel);

/** The root mean square of each group; 1 for a group of zeros. */
std::vector<float> group_scales(const Tensor& weight, const PaletteGroups& groups);

/** Throws INVALID_MODEL naming `name` unless every weight is finite. */
void require_finite(const Tensor& weight, const std::string& name);

}  // namespace whittle
