#include "core/compress/quantize/support/trials/drawn_samples.h"

namespace whittle {

void DrawnSamples::offer(Sample sample) {
  ++seen_;
  if (samples_.size() < most_) {
    for (const auto& [name, tensor] : sample.feeds) bytes_ += tensor.bytes();
    samples_.push_back(std::move(sample));
    if (bytes_ >= kMostBytes) most_ = samples_.size();
    return;
  }
  const size_t place = random_.below(seen_);
  if (place < most_) samples_[place] = std::move(sample);
}

}  // namespace whittle
