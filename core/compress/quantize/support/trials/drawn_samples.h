#pragma once

#include <vector>

#include "core/base/random.h"
#include "core/runtime/job.h"

namespace whittle {

/**
 * A few samples drawn from all that pass by, each as likely to be kept as any other (Vitter 1985,
 * algorithm R), in at most kMostBytes: what comes in one order, faces last, is in them all the
 * same.
 */
class DrawnSamples {
 public:
  static constexpr int64_t kMostBytes = 64 << 20;

  DrawnSamples(size_t most, uint64_t seed) : most_(most), random_(seed) {}

  void offer(Sample sample);
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  size_t most_;
  Random random_;
  int64_t bytes_ = 0;
  uint32_t seen_ = 0;
  std::vector<Sample> samples_;
};

}  // namespace whittle
