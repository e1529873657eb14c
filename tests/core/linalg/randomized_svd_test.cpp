#include "core/linalg/randomized_svd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace whittle {
namespace {

/** A matrix whose singular values fall like those of trained weights. */
std::vector<float> decaying(int rows, int cols, int components, uint64_t seed) {
  Random random(seed);
  std::vector<float> a(static_cast<size_t>(rows * cols), 0.0f);
  for (int r = 0; r < components; ++r) {
    const float scale = 1.0f / static_cast<float>(1 + r);
    std::vector<float> u(static_cast<size_t>(rows));
    std::vector<float> v(static_cast<size_t>(cols));
    for (float& value : u) value = random.normal();
    for (float& value : v) value = random.normal();
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < cols; ++j) a[i * cols + j] += scale * u[i] * v[j];
    }
  }
  return a;
}

double error2(const std::vector<float>& a, const Svd& parts) {
  const size_t rank = parts.s.size();
  double lost = 0;
  for (size_t i = 0; i < static_cast<size_t>(parts.rows); ++i) {
    for (size_t j = 0; j < static_cast<size_t>(parts.cols); ++j) {
      double sum = a[i * static_cast<size_t>(parts.cols) + j];
      for (size_t r = 0; r < rank; ++r) {
        sum -= static_cast<double>(parts.u[i * rank + r]) * parts.s[r] * parts.v[j * rank + r];
      }
      lost += sum * sum;
    }
  }
  return lost;
}

TEST(RandomizedSvd, RecoversExactLowRank) {
  const std::vector<float> a = decaying(60, 45, 6, 1);
  const Svd parts = randomized_svd(a, 60, 45, 6);
  double total = 0;
  for (float value : a) total += static_cast<double>(value) * value;
  EXPECT_LT(error2(a, parts), 1e-10 * total);
}

TEST(RandomizedSvd, IsCloseToTheTailOfTheExactOne) {
  const std::vector<float> a = decaying(80, 120, 40, 2);
  const Svd exact = svd(a, 80, 120);
  const Svd parts = randomized_svd(a, 80, 120, 10);
  double tail = 0;
  for (size_t i = 10; i < exact.s.size(); ++i) {
    tail += static_cast<double>(exact.s[i]) * exact.s[i];
  }
  EXPECT_GE(error2(a, parts), 0.9999 * tail);
  EXPECT_LE(error2(a, parts), 1.01 * tail);
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(parts.s[i], exact.s[i], 0.01 * exact.s[i]);
}

TEST(RandomizedSvd, RepeatsItselfAndTakesAnyRank) {
  const std::vector<float> a = decaying(9, 5, 5, 3);
  const Svd parts = randomized_svd(a, 9, 5, 99);
  EXPECT_EQ(parts.s.size(), 5u);
  EXPECT_EQ(parts.u, randomized_svd(a, 9, 5, 99).u);
  EXPECT_THROW(randomized_svd(std::vector<float>{1, NAN}, 1, 2, 1), Error);
}

}  // namespace
}  // namespace whittle
