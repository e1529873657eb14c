#include "core/compress/quantize/support/calibration/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/random.h"

namespace whittle {
namespace {

void add(Histogram& histogram, const std::vector<float>& values) {
  float low = 0;
  float high = 0;
  for (float value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  histogram.add(values, low, high);
}

uint64_t counted(const Histogram& histogram) {
  return std::accumulate(histogram.counts().begin(), histogram.counts().end(), uint64_t{0});
}

TEST(Histogram, CountsEachValueInItsBinAfterAnyWidening) {
  // Batches that grow a little, a lot, and to the other side.
  Histogram histogram;
  std::vector<float> all;
  Random random(3);
  for (const float scale : {0.5f, 0.7f, 300.0f, -4000.0f, 2.0f}) {
    std::vector<float> batch;
    for (int i = 0; i < 1000; ++i) {
      batch.push_back(scale < 0 ? scale * std::fabs(random.normal()) : scale * random.normal());
    }
    all.insert(all.end(), batch.begin(), batch.end());
    add(histogram, batch);
    EXPECT_EQ(histogram.min(), *std::min_element(all.begin(), all.end()));
    EXPECT_EQ(histogram.max(), *std::max_element(all.begin(), all.end()));
  }
  EXPECT_EQ(histogram.total(), all.size());
  std::vector<uint64_t> expected(Histogram::kBins, 0);
  for (float value : all) {
    for (int i = 0; i < Histogram::kBins; ++i) {
      if (value >= histogram.edge(i) && value < histogram.edge(i + 1)) {
        ++expected[static_cast<size_t>(i)];
      }
    }
  }
  // A value within rounding of an edge may lie on its other side.
  uint64_t moved = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    moved +=
        std::max(expected[i], histogram.counts()[i]) - std::min(expected[i], histogram.counts()[i]);
  }
  EXPECT_LE(moved, 4u);
  EXPECT_EQ(histogram.edge(histogram.zero_bin()), 0);
  // Never coarser than twice what the span needs.
  EXPECT_LE(histogram.width(), 2 * (histogram.max() - histogram.min()) / (Histogram::kBins - 1));
}

TEST(Histogram, SpendsAllItsBinsOnTheSideWhereTheDataLies) {
  Histogram positive;
  add(positive, {0, 1, 2, 3, 4});
  EXPECT_EQ(positive.width(), 4.0 / Histogram::kBins);
  EXPECT_EQ(positive.zeros(), 1u);
  Histogram both;
  add(both, {-4, 4});
  EXPECT_EQ(both.width(), 8.0 / Histogram::kBins);
  Histogram negative;
  add(negative, {-4, -1, 0, 0});
  EXPECT_EQ(negative.zeros(), 2u);
  EXPECT_EQ(negative.counts()[static_cast<size_t>(negative.zero_bin())], 2u);
}

TEST(Histogram, TakesExtremeData) {
  Histogram zeros;
  add(zeros, {0, 0, 0});
  EXPECT_EQ(zeros.zeros(), 3u);
  EXPECT_EQ(zeros.width(), 0);
  add(zeros, {5});
  EXPECT_EQ(zeros.total(), 4u);
  EXPECT_EQ(zeros.counts()[static_cast<size_t>(zeros.zero_bin())], 3u);
  Histogram huge;
  add(huge, {-3e38f, 3e38f, 1e-40f});
  EXPECT_EQ(counted(huge), 3u);
  Histogram tiny;
  add(tiny, {1e-45f, -1e-42f});
  EXPECT_EQ(counted(tiny), 2u);
  add(tiny, {});
  EXPECT_EQ(counted(tiny), 2u);
}

TEST(Histogram, SamplesALargeTensorEvenlyOverItsChannels) {
  // Channels-last with 64 channels, each constant: every channel gets its share.
  std::vector<float> values(64 * 8192);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 64);
  Histogram histogram;
  for (int run = 0; run < 4; ++run) add(histogram, values);
  EXPECT_LE(histogram.total(), 4 * Histogram::kMostCounted);
  const double share = static_cast<double>(histogram.total()) / 64;
  for (int channel = 0; channel < 64; ++channel) {
    uint64_t count = 0;
    for (int i = 0; i < Histogram::kBins; ++i) {
      if (histogram.edge(i) >= channel && histogram.edge(i) < channel + 1) {
        count += histogram.counts()[static_cast<size_t>(i)];
      }
    }
    EXPECT_NEAR(static_cast<double>(count), share, 0.01 * share) << channel;
  }
}

}  // namespace
}  // namespace whittle
