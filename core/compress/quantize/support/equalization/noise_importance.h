#pragma once

#include <map>
#include <set>
#include <vector>

#include "core/compress/quantize/support/equalization/channel_statistics.h"
#include "core/graph/traversal.h"

namespace whittle {

/**
 * How much noise on a channel of a value matters in the end: what a variance of 1 on all elements
 * of the channel adds to the noise-to-signal ratio of the model's outputs, summed over them. Found
 * from the outputs backwards, taking noise in different places as independent: a layer passes it on
 * by its squared weights, a Relu or Clip by the share of values it lets through, an average divides
 * it by the size of its window. Where an operator is not known, the value in front of it counts as
 * an output.
 */
class NoiseImportance {
 public:
  explicit NoiseImportance(const Graph& graph);

  /** The values whose statistics solve() wants, and the axis of each one's channels. */
  const std::map<ValueId, WatchedChannels>& watched() const { return watched_; }
  /** Finds the importance of every value, [channels] each; nothing for a value of unknown channels.
   */
  void solve(const std::map<ValueId, ChannelStatistics>& statistics);

  /** Empty when it is not known. */
  const std::vector<double>& of(ValueId id) const;
  int axis(ValueId id) const { return axes_[static_cast<size_t>(id)]; }
  /** Whether a layer reads the value, directly or through other operators. */
  bool reaches_layer(ValueId id) const { return leads_[static_cast<size_t>(id)]; }

 private:
  enum class Reading { layer, flow, end };

  Reading reading(int node, size_t input) const;
  void find_axes();
  void find_watched();
  void add_reader(int node, ValueId id, const std::map<ValueId, ChannelStatistics>& statistics);
  double gain(const Node& node, size_t input, size_t out_channel,
              const std::map<ValueId, ChannelStatistics>& statistics) const;

  const Graph& graph_;
  GraphIndex index_;
  std::vector<bool> layers_;  // by node: with a weight that can be seen as a ChannelLayer
  std::vector<int> axes_;
  std::vector<bool> leads_;
  std::map<ValueId, WatchedChannels> watched_;
  std::map<ValueId, std::vector<double>> importance_;
};

}  // namespace whittle
