#include "core/linalg/svd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace whittle {
namespace {

TEST(Svd, GivesTheMatrixBackWithOrthonormalFactors) {
  const int rows = 13;
  const int cols = 7;
  Random random(3);
  std::vector<float> a(static_cast<size_t>(rows * cols));
  for (float& value : a) value = random.normal();
  const Svd d = svd(a, rows, cols);
  ASSERT_EQ(d.s.size(), 7u);
  for (size_t k = 1; k < d.s.size(); ++k) EXPECT_LE(d.s[k], d.s[k - 1]);
  const size_t full = d.s.size();
  for (size_t i = 0; i < static_cast<size_t>(rows); ++i) {
    for (size_t j = 0; j < static_cast<size_t>(cols); ++j) {
      double sum = 0;
      for (size_t k = 0; k < full; ++k) {
        sum += static_cast<double>(d.u[i * full + k]) * d.s[k] * d.v[j * full + k];
      }
      EXPECT_NEAR(sum, a[i * static_cast<size_t>(cols) + j], 1e-5);
    }
  }
}

TEST(Svd, KnowsADiagonalMatrix) {
  const std::vector<float> a = {0, -3, 0, 2, 0, 0};
  const Svd d = svd(a, 2, 3);
  EXPECT_FLOAT_EQ(d.s[0], 3);
  EXPECT_FLOAT_EQ(d.s[1], 2);
}

TEST(Svd, RefusesWhatIsNotFinite) {
  const std::vector<float> a = {1, NAN};
  EXPECT_THROW(svd(a, 1, 2), Error);
}

}  // namespace
}  // namespace whittle
