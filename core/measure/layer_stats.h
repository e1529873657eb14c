#pragma once

#include <span>
#include <vector>

#include "core/base/json.h"
#include "core/measure/fidelity.h"

namespace whittle {

/**
 * How one tensor of the compressed model compares to the original's over many samples, in memory
 * for six sums a channel.
 *
 * Equalization changes a tensor on purpose: every channel is scaled (and shifted) and the next
 * layer undoes it. Such a tensor is recognised and compared after undoing that: where a line
 * through the channel's pairs (least squares) explains at least 10 dB more than identity does and
 * its slope differs from 1 by more than rounding and clipping could make it.
 */
class LayerStats {
 public:
  /** Adds one sample's values, row-major of `shape`, with channels along `axis`. */
  void add(std::span<const float> original, std::span<const float> compressed, const Shape& shape,
           int axis);

  /** {sqnrDb, cosine, maxError, exact, nonFinite?, rescaled?}; null where undefined. */
  nlohmann::json to_json() const;

  /** Orders the worst first: undefined ratios (noise without signal) before all, exact last. */
  double badness_db() const;

 private:
  struct Channel {
    double n = 0;
    double a = 0;
    double b = 0;
    double aa = 0;
    double bb = 0;
    double ab = 0;
  };
  struct Fit {
    bool rescaled = false;
    double sqnr_db = 0;
    double cosine = 0;
  };
  Fit fit() const;

  SignalStats stats_;
  std::vector<Channel> channels_;
};

}  // namespace whittle
