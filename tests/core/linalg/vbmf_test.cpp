#include "core/linalg/vbmf.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/linalg/svd.h"

namespace whittle {
namespace {

/** U V^T + noise of variance `variance`, the components of U V^T being orthogonal and `signal`
 * strong. */
std::vector<double> spectrum(int rows, int cols, int rank, double signal, double variance,
                             uint64_t seed) {
  Random random(seed);
  std::vector<float> a(static_cast<size_t>(rows * cols));
  for (float& value : a) value = static_cast<float>(std::sqrt(variance)) * random.normal();
  // Cosines are orthogonal to each other.
  for (int r = 0; r < rank; ++r) {
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < cols; ++j) {
        const double u = std::cos(M_PI * (r + 1) * (i + 0.5) / rows) * std::sqrt(2.0 / rows);
        const double v = std::cos(M_PI * (r + 1) * (j + 0.5) / cols) * std::sqrt(2.0 / cols);
        a[static_cast<size_t>(i * cols + j)] += static_cast<float>(signal * u * v);
      }
    }
  }
  const Svd parts = svd(a, rows, cols);
  return {parts.s.begin(), parts.s.end()};
}

TEST(Vbmf, TauIsTheZeroOfTheFormula) {
  // log(z + 1) / z = 1/2 at z = 2.51286...
  EXPECT_NEAR(vbmf_tau(1), 2.51286, 1e-5);
  for (double alpha : {0.01, 0.1, 0.5}) {
    const double tau = vbmf_tau(alpha);
    const auto phi = [](double z) { return std::log(z + 1) / z - 0.5; };
    EXPECT_NEAR(phi(tau) + phi(tau / alpha), 0, 1e-9);
    // The approximation that the paper gives.
    EXPECT_NEAR(tau, 2.5129 * std::sqrt(alpha), 0.15 * tau);
  }
}

TEST(Vbmf, FindsRankAndNoiseOfALowRankMatrixInNoise) {
  for (const auto& [rows, cols, rank] :
       {std::array{40, 120, 5}, std::array{120, 40, 3}, std::array{64, 64, 9}}) {
    const Vbmf found = vbmf(spectrum(rows, cols, rank, 100, 0.25, 3), rows, cols);
    EXPECT_EQ(found.rank, rank) << rows << " x " << cols;
    EXPECT_NEAR(found.noise_variance, 0.25, 0.02);
  }
}

TEST(Vbmf, CountsNoNoise) {
  EXPECT_EQ(vbmf(spectrum(50, 80, 0, 0, 1, 4), 50, 80).rank, 0);
}

/** Weyl: noise alone reaches sqrt(variance) (sqrt(L) + sqrt(M)); the threshold of the theorem is
 * sqrt(M variance (1 + tau) (1 + alpha / tau)), a little above. */
TEST(Vbmf, TheThresholdIsThatOfTheTheorem) {
  const Vbmf found = vbmf(spectrum(30, 90, 4, 60, 1, 5), 30, 90);
  const double alpha = 30.0 / 90;
  const double tau = vbmf_tau(alpha);
  EXPECT_NEAR(found.threshold, std::sqrt(90 * found.noise_variance * (1 + tau) * (1 + alpha / tau)),
              1e-9);
  EXPECT_GT(found.threshold, std::sqrt(found.noise_variance) * (std::sqrt(30) + std::sqrt(90)));
}

TEST(Vbmf, ASignalAtTheThresholdDecides) {
  EXPECT_EQ(vbmf(spectrum(40, 160, 2, 40, 1, 6), 40, 160).rank, 2);
  EXPECT_EQ(vbmf(spectrum(40, 160, 2, 5, 1, 6), 40, 160).rank, 0);
}

TEST(Vbmf, TakesExactLowRankAndNothing) {
  EXPECT_EQ(vbmf(std::vector<double>{5, 3, 0, 0, 0, 0}, 6, 20).rank, 2);
  EXPECT_EQ(vbmf(std::vector<double>{0, 0}, 2, 3).rank, 0);
}

}  // namespace
}  // namespace whittle
