#pragma once

#include <map>
#include <vector>

#include "core/compress/quantize/support/trials/drawn_samples.h"
#include "core/compress/technique.h"

namespace whittle {

/** What calibration data showed of the channels of a value; every vector is [channels]. */
struct ChannelStatistics {
  std::vector<float> min;
  std::vector<float> max;
  /** Sums over the images (rows, where a row is all there is of a channel) of their extremes, with
   * zero. */
  std::vector<double> lows;
  std::vector<double> highs;
  /** Sum of squares of what a Clip at the watched bound cuts off. */
  std::vector<double> cut;
  std::vector<double> sum;
  std::vector<double> squares;  // sum of squares
  /** How many values lie between zero and the bound, where a Relu or a Clip passes on changes. */
  std::vector<int64_t> inside;
  int64_t elements = 0;  // of the whole value, over all samples
  int64_t images = 0;

  bool empty() const { return max.empty(); }
  size_t channels() const { return max.size(); }
  double per_channel() const {
    return static_cast<double>(elements) / static_cast<double>(max.size());
  }
  double mean(size_t c) const { return sum[c] / per_channel(); }
  double mean_square(size_t c) const { return squares[c] / per_channel(); }
  double mean_low(size_t c) const { return lows[c] / static_cast<double>(images); }
  double mean_high(size_t c) const { return highs[c] / static_cast<double>(images); }
};

/** A value to watch, the axis of its channels, and the upper bound of the Clip behind it
 * (infinity: none). */
struct WatchedChannels {
  int axis = 1;
  float bound = 0;
};

/**
 * Runs context.model over one pass of the data, at most `most` samples (0: all), and keeps the
 * statistics of each watched value in memory that does not grow with the number of samples. The
 * samples are offered to `drawn`. Throws
 * EMPTY_DATA, and INVALID_DATA naming the sample when an input or a value is not finite.
 */
Job watch_channels(TechniqueContext& context, const std::map<ValueId, WatchedChannels>& watched,
                   int64_t most, std::map<ValueId, ChannelStatistics>& statistics,
                   DrawnSamples* drawn = nullptr);

}  // namespace whittle
