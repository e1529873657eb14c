#include "core/compress/quantize/support/mixed/mixed_knapsack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/random.h"

namespace whittle {
namespace {

using Classes = std::vector<std::vector<KnapsackChoice>>;

/** Whole weights, so that a table over them is exact. */
Classes random_classes(Random& random, size_t count, size_t choices, int heaviest) {
  Classes classes(count);
  for (auto& row : classes) {
    for (size_t i = 0; i < choices; ++i) {
      const double weight = std::floor(random.uniform() * static_cast<float>(heaviest));
      // Heavier choices tend to have less value, as wider forms have less error.
      row.push_back({weight, random.uniform() * std::exp(-3 * weight / heaviest)});
    }
  }
  return classes;
}

/** The least value by trying everything; infinity when nothing fits. */
double brute_force(const Classes& classes, double limit, size_t from = 0) {
  if (from == classes.size()) return limit >= 0 ? 0 : INFINITY;
  double best = INFINITY;
  for (const KnapsackChoice& choice : classes[from]) {
    best = std::min(best, choice.value + brute_force(classes, limit - choice.weight, from + 1));
  }
  return best;
}

/** The least value by a table over whole weights up to `limit`. */
double table(const Classes& classes, int limit) {
  std::vector<double> best(static_cast<size_t>(limit) + 1, 0);
  for (const auto& choices : classes) {
    std::vector<double> next(best.size(), INFINITY);
    for (size_t room = 0; room < best.size(); ++room) {
      for (const KnapsackChoice& choice : choices) {
        const auto weight = static_cast<size_t>(choice.weight);
        if (weight <= room) next[room] = std::min(next[room], best[room - weight] + choice.value);
      }
    }
    best = std::move(next);
  }
  return best.back();
}

void expect_consistent(const Classes& classes, double limit, const KnapsackResult& result) {
  ASSERT_EQ(result.chosen.size(), classes.size());
  double weight = 0;
  double value = 0;
  for (size_t c = 0; c < classes.size(); ++c) {
    weight += classes[c][result.chosen[c]].weight;
    value += classes[c][result.chosen[c]].value;
  }
  EXPECT_LE(weight, limit);
  EXPECT_DOUBLE_EQ(result.weight, weight);
  EXPECT_DOUBLE_EQ(result.value, value);
  EXPECT_LE(result.bound, result.value * (1 + 1e-12));
}

TEST(MixedKnapsack, FindsWhatTryingEverythingFinds) {
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    const auto count = 1 + static_cast<size_t>(random.uniform() * 6);
    const auto choices = 1 + static_cast<size_t>(random.uniform() * 4);
    const Classes classes = random_classes(random, count, choices, 20);
    const double limit = std::floor(random.uniform() * 12.0f * static_cast<float>(count));
    const double expected = brute_force(classes, limit);
    const auto result = solve_knapsack(classes, limit);
    ASSERT_EQ(result.has_value(), std::isfinite(expected)) << round;
    if (!result) continue;
    EXPECT_NEAR(result->value, expected, 1e-12) << round;
    EXPECT_TRUE(result->optimal);
    expect_consistent(classes, limit, *result);
  }
}

TEST(MixedKnapsack, IsExactOnAsManyLayersAsModelsHave) {
  Random random(4);
  for (int round = 0; round < 20; ++round) {
    const Classes classes = random_classes(random, 60, 5, 60);
    const int limit = 700 + round * 80;
    const auto result = solve_knapsack(classes, limit);
    ASSERT_TRUE(result.has_value());
    EXPECT_NEAR(result->value, table(classes, limit), 1e-9) << round;
    EXPECT_TRUE(result->optimal);
    expect_consistent(classes, limit, *result);
  }
}

TEST(MixedKnapsack, TakesTheBestOfEveryClassWhereEverythingFits) {
  const Classes classes = {{{5, 1}, {0, 3}}, {{2, 2}, {2, 1}, {9, 1}}};
  const auto roomy = solve_knapsack(classes, 100);
  EXPECT_EQ(roomy->chosen, (std::vector<size_t>{0, 1}));
  const auto tight = solve_knapsack(classes, 2);
  EXPECT_EQ(tight->chosen, (std::vector<size_t>{1, 1}));
  EXPECT_FALSE(solve_knapsack(classes, 1).has_value());
}

}  // namespace
}  // namespace whittle
