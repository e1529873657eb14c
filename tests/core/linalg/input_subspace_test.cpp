#include "core/linalg/input_subspace.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/base/random.h"
#include "core/linalg/output_basis.h"
#include "core/linalg/second_moment.h"

namespace whittle {
namespace {

std::vector<float> random_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.normal();
  return values;
}

/** A D E for the first `rank` rows. */
std::vector<float> through(const std::vector<float>& a, int m, int k, const InputSubspace& space,
                           int rank, std::span<const double> moment) {
  const std::span<const float> rows =
      std::span<const float>(space.rows).first(static_cast<size_t>(rank * k));
  const std::vector<float> decoder = input_decoder(rows, rank, k, moment);
  std::vector<float> result(a.size());
  for (int o = 0; o < m; ++o) {
    for (int r = 0; r < rank; ++r) {
      double inner = 0;
      for (int j = 0; j < k; ++j)
        inner += static_cast<double>(a[o * k + j]) * decoder[j * rank + r];
      for (int j = 0; j < k; ++j) result[o * k + j] += static_cast<float>(inner * rows[r * k + j]);
    }
  }
  return result;
}

TEST(InputSubspace, LosesTheTailOfTheWhitenedSpectrum) {
  const int m = 9;
  const int k = 12;
  const std::vector<float> a = random_values(m * k, 1);
  Random random(2);
  SecondMoment moment(k);
  std::vector<float> x(k);
  for (int i = 0; i < 400; ++i) {
    const float common = random.normal();
    for (int j = 0; j < k; ++j) x[j] = (random.normal() + common) / static_cast<float>(1 + j);
    moment.add(x);
  }
  for (const std::span<const double> c : {moment.finish(), std::span<const double>()}) {
    const InputSubspace space = input_subspace(a, m, k, c);
    ASSERT_EQ(space.energy.size(), 9u);
    const double total = std::accumulate(space.energy.begin(), space.energy.end(), 0.0);
    for (int rank : {3, 9}) {
      const double tail = std::accumulate(space.energy.begin() + rank, space.energy.end(), 0.0);
      EXPECT_NEAR(output_error2(a, through(a, m, k, space, rank, c), m, k, c), tail / total, 1e-4);
    }
  }
}

TEST(InputSubspace, TakesInputsThatAreAlwaysZero) {
  const std::vector<float> a = random_values(4 * 5, 3);
  std::vector<double> c(25, 0.0);
  c[0] = c[6] = 1;
  const InputSubspace space = input_subspace(a, 4, 5, c);
  EXPECT_LT(output_error2(a, through(a, 4, 5, space, 2, c), 4, 5, c), 1e-4);
}

}  // namespace
}  // namespace whittle
