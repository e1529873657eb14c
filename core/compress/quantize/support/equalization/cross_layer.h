#pragma once

#include <map>
#include <vector>

#include "core/compress/quantize/support/equalization/channel_groups.h"

namespace whittle {

/** What is known of a group's channels beside the weights; every vector is [channels] or empty. */
struct GroupFacts {
  /** Factors are kept within these. */
  std::vector<double> least;
  std::vector<double> most;
  /** How high a channel reaches: its largest value on data, else |bias|. */
  std::vector<double> level;
};

/**
 * Cross-layer equalization (Nagel et al. 2019, "Data-Free Quantization through Weight Equalization
 * and Bias Correction", 4.1): factors f that make the largest weight of each of the makers' output
 * channels equal to that of the readers' input channels, f = 1 / s, s = sqrt(r1 r2) / r2, repeated
 * over all groups until nothing moves, because a layer between two groups is scaled by both.
 */
class CrossLayerEqualizer {
 public:
  CrossLayerEqualizer(const Graph& graph, const std::vector<ChannelGroup>& groups,
                      std::vector<GroupFacts> facts);

  /** One round over all groups; returns the largest |log2| by which a factor moved. */
  double sweep();
  /** By group, [channels]: the makers' outputs are multiplied by it, the readers' inputs divided.
   * A dead channel, whose weights are all zero on one side, keeps 1. */
  const std::vector<std::vector<double>>& factors() const { return factors_; }

 private:
  struct Ranges {
    ChannelLayer layer;
    std::vector<float> largest;  // [outputs, row]
    std::vector<double> out;     // factor by output channel
    std::vector<double> in;      // divisor by input channel
  };

  std::vector<double> made(const ChannelGroup& group) const;
  std::vector<double> read(const ChannelGroup& group) const;
  void hold_levels(const GroupFacts& facts, const std::vector<double>& weights,
                   std::vector<double>& factors) const;
  void store(const ChannelGroup& group, const std::vector<double>& factors);

  const std::vector<ChannelGroup>& groups_;
  std::vector<GroupFacts> facts_;
  std::vector<std::vector<double>> factors_;
  std::map<int, Ranges> ranges_;  // by node
};

}  // namespace whittle
