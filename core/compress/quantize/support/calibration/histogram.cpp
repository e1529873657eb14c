#include "core/compress/quantize/support/calibration/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace whittle {
namespace {

/** Bins of `width` that [low, high] touches, the one that begins at zero among them; high may lie
 * on an edge. */
double bins_needed(float low, float high, double width) {
  return std::max(std::ceil(high / width), 1.0) - std::floor(low / width);
}

/** The least power of two, not below `width`, with which [low, high] fits. */
double fitting_width(float low, float high, double width) {
  if (width == 0) {
    const double span = static_cast<double>(high) - static_cast<double>(low);
    // The inverse of a width has to be a float.
    width = std::exp2(std::max(std::floor(std::log2(span / Histogram::kBins)), -126.0));
  }
  while (bins_needed(low, high, width) > Histogram::kBins) width *= 2;
  return width;
}

size_t coprime_stride(size_t count) {
  size_t stride = (count + Histogram::kMostCounted - 1) / Histogram::kMostCounted;
  while (std::gcd(stride, count) != 1) ++stride;
  return stride;
}

}  // namespace

void Histogram::make_room(float low, float high) {
  min_ = std::min(min_, low);
  max_ = std::max(max_, high);
  if (min_ == 0 && max_ == 0) return;
  const double width = fitting_width(min_, max_, width_);
  const auto first = static_cast<int64_t>(std::floor(min_ / width));
  if (width == width_ && first == first_) return;
  std::vector<uint64_t> counts(kBins, 0);
  const auto factor = width_ == 0 ? 1.0 : width / width_;
  for (int i = 0; i < kBins; ++i) {
    const uint64_t count = counts_[static_cast<size_t>(i)];
    if (count == 0) continue;
    const auto bin = static_cast<int64_t>(std::floor(static_cast<double>(first_ + i) / factor));
    counts[static_cast<size_t>(std::min<int64_t>(bin - first, kBins - 1))] += count;
  }
  counts_ = std::move(counts);
  width_ = width;
  first_ = first;
}

void Histogram::add(std::span<const float> values, float low, float high) {
  if (values.empty()) return;
  make_room(low, high);
  const size_t stride = coprime_stride(values.size());
  const float per_width = width_ == 0 ? 0.0f : static_cast<float>(1 / width_);
  const auto offset = static_cast<float>(-first_);
  uint32_t fresh[2][kBins + 1] = {};  // two, because neighbours often meet in one bin
  uint32_t zeros = 0;
  size_t counted = 0;
  for (size_t i = start_++ % stride; i < values.size(); i += stride) {
    const float x = values[i];
    zeros += x == 0 ? 1 : 0;
    ++fresh[counted++ & 1][static_cast<int>(x * per_width + offset)];
  }
  // Rounding may put a value next to the last edge onto it.
  for (size_t b = 0; b <= kBins; ++b) {
    counts_[std::min<size_t>(b, kBins - 1)] += fresh[0][b] + fresh[1][b];
  }
  zeros_ += zeros;
  total_ += counted;
}

}  // namespace whittle
