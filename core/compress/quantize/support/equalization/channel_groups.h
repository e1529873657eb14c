#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/compress/quantize/support/equalization/channel_layer.h"
#include "core/graph/traversal.h"

namespace whittle {

/** A layer that reads the channels of a group: its input channel i is the group's channels[i], or
 * none of them (-1). */
struct GroupReader {
  int node = -1;
  std::vector<int> channels;
};

/** A value that holds channels of a group: at position i of `axis` channels[i], or none (-1). */
struct GroupValue {
  ValueId id = kNoValue;
  int axis = 1;
  std::vector<int> channels;
  /** How often the output of each maker is contained in it: more than one where branches add up. */
  std::vector<int> makers;
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
  /** Every value that holds scaled channels, but for those inside a channel shuffle. */
  std::vector<GroupValue> values;
  std::vector<ValueId> between;  // those
  /** One maker, only a Relu or a GroupClip right behind it, then layers and pools that pass on a
   * constant added to a channel: no padding with zeros, no bend at zero. */
  bool passes_shifts = false;
  /** From the makers to the readers nothing bends or pads: a constant added to a channel arrives as
   * that constant, added up where branches are. */
  bool linear = false;
  /** Why there is nothing to scale, or "". */
  std::string obstacle;
};

/** What arrives at position i of a value when absorbed[maker][channel] is taken from every maker's
 * output; `absorbed` may be empty. */
double shift_at(const GroupValue& value, size_t i, const std::vector<std::vector<float>>& absorbed);

/** The group that node `maker` belongs to. Makers are only taken from `layers`, which have no
 * ChannelLayer::obstacle. Shapes of `graph` have been inferred. */
ChannelGroup group_from(const Graph& graph, const GraphIndex& index, const std::set<int>& layers,
                        int maker);

}  // namespace whittle
