#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/compress/quantize/support/channel_layer.h"
#include "core/graph/traversal.h"

namespace whittle {

/** A layer that reads the channels of a group: channel c arrives as its input channels
 * offset + c * repeat ... offset + (c + 1) * repeat - 1 (flattened pixels, a place in a Concat). */
struct GroupReader {
  int node = -1;
  int64_t offset = 0;
  int64_t repeat = 1;
};

/** A Clip on the way whose bounds a scale would have to move. */
struct GroupClip {
  int node = -1;
  int axis = 1;
  float low = 0;
  float high = 0;
};

/** A layer whose output channels are those of a group. */
struct GroupMaker {
  int node = -1;
  int axis = 1;              // of the channels in its output
  ValueId value = kNoValue;  // its output, with the biases below
  bool rectified = false;    // only a Relu or a Clip at 0 reads that value
  /** Add nodes with a constant per channel right behind it, and which input that is. */
  std::vector<std::pair<int, size_t>> biases;
};

/**
 * The channels between some layers and the layers that read their outputs, through operators that a
 * positive scale per channel passes unchanged: multiplying the makers' output channels and dividing
 * the readers' input channels keeps the function. One layer makes the channels, or several whose
 * outputs are added (residual branches share their scales).
 */
struct ChannelGroup {
  std::vector<GroupMaker> makers;  // in graph order
  int64_t channels = 0;
  std::vector<GroupReader> readers;
  std::vector<GroupClip> clips;
  /** Outputs of the additions that join branches. */
  std::vector<ValueId> sums;
  /** Every value that holds scaled channels. */
  std::vector<ValueId> values;
  /** One maker, only a Relu or a GroupClip right behind it, then layers and pools that pass on a
   * constant added to a channel: no padding with zeros, no bend at zero. */
  bool passes_shifts = false;
  /** Why there is nothing to scale, or "". */
  std::string obstacle;
};

/** The group that node `maker` belongs to. Makers are only taken from `layers`, which have no
 * ChannelLayer::obstacle. Shapes of `graph` have been inferred. */
ChannelGroup group_from(const Graph& graph, const GraphIndex& index, const std::set<int>& layers,
                        int maker);

}  // namespace whittle
