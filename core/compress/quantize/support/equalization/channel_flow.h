#pragma once

#include <optional>
#include <vector>

#include "core/graph/traversal.h"

namespace whittle {

/** Where channels arrive behind an operator: position p along `axis` of `value` holds channel
 * from[p] of the operator's input, or another tensor's (-1). */
struct ChannelFlow {
  ValueId value = kNoValue;
  int axis = 1;
  std::vector<int> from;
  /** Values on the way, when several nodes make one step: both ends of a channel shuffle. */
  std::vector<ValueId> between;
};

/** How many channels lie along `axis` of a value, if its shape is known. */
std::optional<int64_t> channels_along(const Graph& graph, ValueId id, int axis);

/**
 * The outputs that the channels along `axis` of input `input` of `node` reach one by one: through
 * activations, sums and products of equal channels, pools, Resize, Pad, flattening, Concat, Split,
 * and the Reshape, Transpose, Reshape of a channel shuffle. Empty for an operator that mixes
 * channels, or whose shapes are not known.
 */
std::vector<ChannelFlow> channel_flows(const Graph& graph, const GraphIndex& index, int node,
                                       size_t input, int axis);

/** Whether `node` averages or picks over windows of each channel. */
bool is_channel_pool(const Node& node);

}  // namespace whittle
