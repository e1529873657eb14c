#include "core/linalg/spd_solver.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace whittle {
namespace {

/** M M^T + I. */
std::vector<double> positive_definite(int n, Random& random) {
  const auto size = static_cast<size_t>(n);
  std::vector<double> m(size * size);
  for (double& value : m) value = random.normal();
  std::vector<double> a(size * size);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      for (size_t k = 0; k < size; ++k) a[i * size + j] += m[i * size + k] * m[j * size + k];
    }
    a[i * size + i] += 1;
  }
  return a;
}

TEST(SpdSolver, SolvesWhatItIsGiven) {
  for (const int n : {1, 5, 32, 33, 70}) {
    Random random(7, static_cast<uint64_t>(n));
    const auto size = static_cast<size_t>(n);
    const std::vector<double> a = positive_definite(n, random);
    const size_t rows = 3;
    std::vector<double> x(rows * size);
    for (double& value : x) value = random.normal();
    std::vector<double> b(rows * size);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < size; ++i) {
        for (size_t j = 0; j < size; ++j) b[r * size + i] += x[r * size + j] * a[j * size + i];
      }
    }
    SpdSolver solver(a, n, b, static_cast<int>(rows));
    while (solver.advance()) continue;
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(solver.solution()[i], x[i], 1e-8) << n;
  }
}

TEST(SpdSolver, RefusesWhatIsNotPositiveDefinite) {
  SpdSolver solver({1, 2, 2, 1}, 2, {1, 1}, 1);
  EXPECT_THROW(while (solver.advance()) continue, Error);
}

}  // namespace
}  // namespace whittle
