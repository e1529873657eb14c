#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/graph/traversal.h"

namespace whittle {

/** A constant in front of a smoothed value that takes the division: a row along the last axis, or
 * the output channels of a layer with its bias. */
struct SmoothSink {
  int node = -1;
  size_t input = 1;
  bool layer = false;
};

/** A value that layers multiply by constant weights, all of which share one factor a channel. */
struct SmoothSite {
  ValueId value = kNoValue;
  int64_t channels = 0;  // along the last axis
  std::vector<int> readers;
  std::vector<SmoothSink> sinks;
  /** Every value that holds other numbers afterwards. */
  std::vector<ValueId> values;
  /** Why nothing in front takes the division, or "". */
  std::string obstacle;
};

/**
 * The inputs of the MatMul and Gemm layers in `layers` (none with a ChannelLayer::obstacle), in
 * graph order. What stands in front takes a division by channel when it is a LayerNormalization, a
 * product or sum with a constant row (how exporters spell one out), or another layer, through what
 * passes factors on: Relu, one side of a product (the gate of a feed-forward block), and the sum
 * over positions that attention takes of its values.
 */
std::vector<SmoothSite> find_smooth_sites(const Graph& graph, const GraphIndex& index,
                                          const std::set<int>& layers);

}  // namespace whittle
