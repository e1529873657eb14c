#include "core/linalg/inverse_cholesky.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace whittle {
namespace {

/** A random positive definite matrix. */
std::vector<float> definite(int n, uint64_t seed) {
  Random random(seed);
  std::vector<float> a(static_cast<size_t>(n * n));
  for (float& value : a) value = random.normal();
  std::vector<float> h(a.size());
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      float sum = i == j ? 1.0f : 0.0f;
      for (int k = 0; k < n; ++k) sum += a[i * n + k] * a[j * n + k] / static_cast<float>(n);
      h[i * n + j] = sum;
    }
  }
  return h;
}

TEST(InverseCholesky, TheFactorTimesTheMatrixIsTheIdentity) {
  for (int n : {1, 2, 31, 32, 33, 100}) {
    const std::vector<float> h = definite(n, static_cast<uint64_t>(n));
    InverseCholesky solver(h, n);
    while (solver.advance()) {
    }
    const std::span<const float> u = solver.upper();
    // U H U^T = I.
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < i; ++j) EXPECT_EQ(u[i * n + j], 0.0f);
      for (int j = 0; j < n; ++j) {
        double sum = 0;
        for (int a = i; a < n; ++a) {
          for (int b = j; b < n; ++b) {
            sum += static_cast<double>(u[i * n + a]) * h[a * n + b] * u[j * n + b];
          }
        }
        EXPECT_NEAR(sum, i == j ? 1 : 0, 1e-4) << n << ": " << i << ", " << j;
      }
    }
  }
}

TEST(InverseCholesky, RefusesWhatIsNotPositiveDefinite) {
  InverseCholesky solver({1, 2, 2, 1}, 2);
  EXPECT_THROW(solver.advance(), Error);
  InverseCholesky broken({NAN}, 1);
  EXPECT_THROW(broken.advance(), Error);
}

}  // namespace
}  // namespace whittle
