#include "core/linalg/refit.h"

#include <gtest/gtest.h>

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

std::vector<float> product(const std::vector<float>& u, const std::vector<float>& f, int m, int r,
                           int k) {
  std::vector<float> result(static_cast<size_t>(m * k));
  for (int o = 0; o < m; ++o) {
    for (int i = 0; i < r; ++i) {
      for (int j = 0; j < k; ++j) result[o * k + j] += u[o * r + i] * f[i * k + j];
    }
  }
  return result;
}

TEST(Refit, FindsTheFactorThatMadeTheWeights) {
  const std::vector<float> u = random_values(5 * 3, 1);
  const std::vector<float> f = random_values(3 * 8, 2);
  const std::vector<float> w = product(u, f, 5, 3, 8);
  SecondMoment moment(8);
  for (uint64_t i = 0; i < 50; ++i) moment.add(random_values(8, 10 + i));
  const std::span<const double> c = moment.finish();
  const std::vector<float> start(15, 0.0f);
  const std::vector<float> found = refit_output(w, 5, 8, f, 3, start, c);
  EXPECT_LT(output_error2(w, product(found, f, 5, 3, 8), 5, 8, c), 1e-5);
  // From the solution it does not move.
  const std::vector<float> same = refit_output(w, 5, 8, f, 3, u, c);
  for (size_t i = 0; i < u.size(); ++i) EXPECT_NEAR(same[i], u[i], 1e-5);
}

TEST(Refit, LosesLessThanAnyOtherChoiceAndKeepsWhatDataDoesNotTell) {
  const std::vector<float> w = random_values(4 * 6, 3);
  const std::vector<float> f = random_values(2 * 6, 4);
  SecondMoment moment(6);
  for (uint64_t i = 0; i < 60; ++i) moment.add(random_values(6, 100 + i));
  const std::span<const double> c = moment.finish();
  const std::vector<float> start = random_values(8, 5);
  const std::vector<float> found = refit_output(w, 4, 6, f, 2, start, c);
  const double least = output_error2(w, product(found, f, 4, 2, 6), 4, 6, c);
  for (size_t i = 0; i < found.size(); ++i) {
    for (float step : {-0.05f, 0.05f}) {
      std::vector<float> other = found;
      other[i] += step;
      EXPECT_GT(output_error2(w, product(other, f, 4, 2, 6), 4, 6, c), least);
    }
  }
  const std::vector<double> nothing(36, 0.0);
  EXPECT_EQ(refit_output(w, 4, 6, f, 2, start, nothing), start);
}

}  // namespace
}  // namespace whittle
