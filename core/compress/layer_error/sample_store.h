#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/**
 * Samples for a technique that goes over them more than once: read from the data a single time, and
 * kept where `keep` says that another pass will come. Kept ones take at most kMostBytes; what does
 * not fit is not read.
 */
class SampleStore {
 public:
  static constexpr int64_t kMostBytes = 128 << 20;

  /** At most `most` samples; 0: no limit but the memory. */
  SampleStore(int64_t most, bool keep) : most_(most), keep_(keep) {}

  /** Calls visit(sample, number from 1) for every sample. Throws EMPTY_DATA where there is none.
   * `visit` must outlive the job. */
  using Visit = std::function<void(const Sample& sample, int64_t number)>;
  Job for_each(TechniqueContext& context, std::string_view stage, const Visit& visit);

  int64_t count() const { return count_; }

 private:
  int64_t most_;
  bool keep_;
  bool read_ = false;
  int64_t count_ = 0;
  std::vector<Sample> kept_;
};

}  // namespace whittle
