#include "core/measure/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace whittle {
namespace {

TEST(Wilson, MatchesPublishedValues) {
  // 81 of 263: Newcombe (1998), table I, method 3.
  const Interval newcombe = wilson(81, 263);
  EXPECT_NEAR(newcombe.low, 0.2553, 5e-5);
  EXPECT_NEAR(newcombe.high, 0.3662, 5e-5);
  const Interval small = wilson(0, 20);
  EXPECT_NEAR(small.low, 0.0, 1e-12);
  EXPECT_NEAR(small.high, 0.1611, 5e-5);
  EXPECT_NEAR(wilson(20, 20).high, 1.0, 1e-12);
  EXPECT_EQ(wilson(0, 0).high, 1.0);
}

TEST(PairedDifference, HoldsZeroForEqualModelsAndShrinksWithSamples) {
  const Interval same = paired_difference(0, 0, 100);
  EXPECT_LE(same.low, 0);
  EXPECT_GE(same.high, 0);
  const Interval few = paired_difference(6, 2, 100);
  const Interval many = paired_difference(60, 20, 1000);
  EXPECT_LT(few.low, 0.04);
  EXPECT_GT(few.high, 0.04);
  EXPECT_LT(many.high - many.low, few.high - few.low);
  EXPECT_GT(many.low, 0);
}

TEST(SamplesToResolve, IsTheCountWhereWilsonReachesTheBound) {
  const int64_t n = samples_to_resolve(0.99, 0.97);
  EXPECT_GE(wilson(static_cast<int64_t>(0.99 * static_cast<double>(n) + 0.999), n).low, 0.97);
  const int64_t fewer = n * 8 / 10;
  EXPECT_LT(wilson(static_cast<int64_t>(0.99 * static_cast<double>(fewer)), fewer).low, 0.97);
  EXPECT_EQ(samples_to_resolve(0.9, 0.97), 0);
}

TEST(Latency, TakesQuantilesBetweenOrderStatistics) {
  const std::vector<double> samples = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(quantile(samples, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(samples, 1.0), 4);
  const nlohmann::json stats = latency_statistics(samples);
  EXPECT_DOUBLE_EQ(stats["median"].get<double>(), 2.5);
  EXPECT_EQ(stats["runs"], 4);
  EXPECT_EQ(latency_statistics({})["runs"], 0);
}

}  // namespace
}  // namespace whittle
