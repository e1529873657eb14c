#pragma once

#include <map>
#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/** What calibration data showed of the channels of a value; every vector is [channels]. */
struct ChannelStatistics {
  std::vector<float> min;
  std::vector<float> max;
  /** Sum of squares of what a Clip at the watched bound cuts off. */
  std::vector<double> cut;
  int64_t elements = 0;  // of the whole value, over all samples
};

/** A value to watch, the axis of its channels, and the upper bound of the Clip behind it
 * (infinity: none). */
struct WatchedChannels {
  int axis = 1;
  float bound = 0;
};

/**
 * Runs context.model over one pass of the data, at most `most` samples (0: all), and keeps the
 * statistics of each watched value in memory that does not grow with the number of samples. Throws
 * EMPTY_DATA, and INVALID_DATA naming the sample when an input or a value is not finite.
 */
Job watch_channels(TechniqueContext& context, const std::map<ValueId, WatchedChannels>& watched,
                   int64_t most, std::map<ValueId, ChannelStatistics>& statistics);

}  // namespace whittle
