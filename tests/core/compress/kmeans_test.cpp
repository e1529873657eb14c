#include "core/compress/cluster/support/kmeans.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/base/random.h"

namespace whittle {
namespace {

const CancelFlag kNever;

struct Points {
  std::vector<float> values;
  std::vector<float> weights;
};

Points random_points(size_t n, uint64_t seed) {
  Random random(seed);
  Points points;
  for (size_t i = 0; i < n; ++i) {
    points.values.push_back(random.normal());
    points.weights.push_back(0.1f + random.uniform());
  }
  return points;
}

double cost_about_mean(const Points& points, const std::vector<bool>& in) {
  double w = 0, wx = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i]) continue;
    w += points.weights[i];
    wx += static_cast<double>(points.weights[i]) * points.values[i];
  }
  double cost = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i]) cost += points.weights[i] * std::pow(points.values[i] - wx / w, 2);
  }
  return cost;
}

/** The least cost over every assignment of the points to k clusters. */
double exhaustive_optimum(const Points& points, size_t k) {
  const size_t n = points.values.size();
  std::vector<size_t> label(n, 0);
  double best = std::numeric_limits<double>::infinity();
  const std::function<void(size_t)> assign = [&](size_t i) {
    if (i < n) {
      for (label[i] = 0; label[i] < k; ++label[i]) assign(i + 1);
      return;
    }
    double cost = 0;
    for (size_t c = 0; c < k; ++c) {
      std::vector<bool> in(n);
      bool any = false;
      for (size_t j = 0; j < n; ++j) any |= in[j] = label[j] == c;
      if (any) cost += cost_about_mean(points, in);
    }
    best = std::min(best, cost);
  };
  assign(0);
  return best;
}

TEST(WeightedPoints, KnowsTheCostOfRanges) {
  const Points p = random_points(20, 3);
  const WeightedPoints points(p.values, p.weights);
  double w = 0, cost = 0;
  for (size_t i = 0; i < 20; ++i) {
    w += p.weights[i];
    cost += p.weights[i] * std::pow(p.values[i] - 0.25, 2);
  }
  EXPECT_NEAR(points.mass(0, 20), w, 1e-5);
  EXPECT_NEAR(points.spread(0, 20, 0.25), cost, 1e-5);
  EXPECT_NEAR(points.cost(0, 20), cost_about_mean(p, std::vector<bool>(20, true)), 1e-5);
  EXPECT_EQ(points.cost(4, 5), 0);
}

TEST(WeightedPoints, JoinsEqualValues) {
  const std::vector<float> values = {2, -0.0f, 2, 0.0f, -1};
  const WeightedPoints points(values, {});
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points.value(1), 0);
  EXPECT_EQ(points.mass(1, 2), 2);
}

TEST(OptimalKMeans, IsTheExhaustiveOptimum) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const Points p = random_points(8, seed);
    const WeightedPoints points(p.values, p.weights);
    for (size_t k : {1u, 2u, 3u}) {
      const auto centers = optimal_kmeans(points, {k, false}, kNever);
      EXPECT_NEAR(clustering_cost(points, centers), exhaustive_optimum(p, k), 1e-6) << seed;
    }
  }
}

TEST(KMeans, ComesNearTheOptimum) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const Points p = random_points(3000, seed);
    const WeightedPoints points(p.values, p.weights);
    for (size_t k : {2u, 4u, 16u, 64u}) {
      const double best = clustering_cost(points, optimal_kmeans(points, {k, false}, kNever));
      const double cost = clustering_cost(points, kmeans(points, {k, false}, seed, kNever));
      EXPECT_GE(cost, best * (1 - 1e-9));
      EXPECT_LE(cost, best * 1.15) << k;
    }
  }
}

TEST(KMeans, EveryCenterIsTheMeanOfItsPoints) {
  const Points p = random_points(500, 1);
  const WeightedPoints points(p.values, p.weights);
  const auto centers = kmeans(points, {8, false}, 1, kNever);
  ASSERT_EQ(centers.size(), 8u);
  std::vector<double> w(8), wx(8);
  for (size_t i = 0; i < 500; ++i) {
    const size_t c = nearest_center(centers, p.values[i]);
    w[c] += p.weights[i];
    wx[c] += static_cast<double>(p.weights[i]) * p.values[i];
  }
  for (size_t c = 0; c < 8; ++c) EXPECT_NEAR(centers[c], wx[c] / w[c], 1e-5);
}

TEST(KMeans, DependsOnTheSeedOnly) {
  const Points p = random_points(2000, 5);
  const WeightedPoints points(p.values, p.weights);
  const auto first = kmeans(points, {32, false}, 42, kNever);
  EXPECT_EQ(first, kmeans(points, {32, false}, 42, kNever));
  EXPECT_NE(first, kmeans(points, {32, false}, 43, kNever));
}

TEST(KMeans, FewPointsAreTheirOwnCenters) {
  const std::vector<float> values = {3, 1, 2, 1, 3};
  const WeightedPoints points(values, {});
  EXPECT_EQ(kmeans(points, {4, false}, 0, kNever), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(optimal_kmeans(points, {3, false}, kNever), (std::vector<float>{1, 2, 3}));
}

TEST(KMeans, HoldsZeroExactlyWhenAsked) {
  Points p = random_points(1000, 9);
  for (float& value : p.values) value += 0.3f;
  const WeightedPoints points(p.values, p.weights);
  for (size_t k : {2u, 8u, 16u}) {
    for (const auto& centers :
         {kmeans(points, {k, true}, 0, kNever), optimal_kmeans(points, {k, true}, kNever)}) {
      EXPECT_EQ(std::count(centers.begin(), centers.end(), 0.0f), 1) << k;
      EXPECT_TRUE(std::is_sorted(centers.begin(), centers.end()));
    }
  }
}

TEST(KMeans, TakesMorePointsThanTheExactMethodLooksAt) {
  const Points p = random_points(40000, 2);
  const WeightedPoints points(p.values, p.weights);
  const double exact = clustering_cost(points, optimal_kmeans(points, {4, false}, kNever));
  EXPECT_LE(exact, clustering_cost(points, kmeans(points, {4, false}, 0, kNever)) * (1 + 1e-6));
}

TEST(KMeans, StopsWhenCancelled) {
  const Points p = random_points(100, 2);
  const WeightedPoints points(p.values, p.weights);
  CancelFlag cancelled;
  cancelled.cancel();
  EXPECT_THROW(kmeans(points, {4, false}, 0, cancelled), Error);
  EXPECT_THROW(optimal_kmeans(points, {4, false}, cancelled), Error);
}

TEST(NearestCenter, TakesTheLowerOfTwoAsNear) {
  const std::vector<float> centers = {-1, 0, 2, 2};
  EXPECT_EQ(nearest_center(centers, -5), 0u);
  EXPECT_EQ(nearest_center(centers, -0.5f), 0u);
  EXPECT_EQ(nearest_center(centers, 0.9f), 1u);
  EXPECT_EQ(nearest_center(centers, 2), 2u);
  EXPECT_EQ(nearest_center(centers, 9), 3u);
}

}  // namespace
}  // namespace whittle
