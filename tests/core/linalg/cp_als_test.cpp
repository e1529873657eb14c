#include "core/linalg/cp_als.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace whittle {
namespace {

std::vector<float> sum_of_terms(const std::vector<std::vector<float>>& factors,
                                const std::vector<int>& dims, int rank) {
  size_t count = 1;
  for (int dim : dims) count *= static_cast<size_t>(dim);
  std::vector<float> tensor(count);
  for (size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int r = 0; r < rank; ++r) {
      double term = 1;
      size_t rest = i;
      for (size_t mode = dims.size(); mode-- > 0;) {
        const size_t index = rest % static_cast<size_t>(dims[mode]);
        rest /= static_cast<size_t>(dims[mode]);
        term *= factors[mode][index * static_cast<size_t>(rank) + static_cast<size_t>(r)];
      }
      sum += term;
    }
    tensor[i] = static_cast<float>(sum);
  }
  return tensor;
}

std::vector<std::vector<float>> random_factors(const std::vector<int>& dims, int rank,
                                               uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<float>> factors;
  for (int dim : dims) {
    std::vector<float> factor(static_cast<size_t>(dim * rank));
    for (float& value : factor) value = random.normal();
    factors.push_back(std::move(factor));
  }
  return factors;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double lost = 0;
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    lost += std::pow(static_cast<double>(a[i]) - b[i], 2);
    total += std::pow(static_cast<double>(a[i]), 2);
  }
  return std::sqrt(lost / total);
}

CpDecomposition solve(const std::vector<float>& tensor, const std::vector<int>& dims, int rank,
                      int start) {
  CpSolver solver(tensor, dims, rank, 7, start);
  while (solver.advance()) {
  }
  return solver.result();
}

TEST(Cp, RecoversATensorOfLowRank) {
  for (const std::vector<int>& dims : {std::vector<int>{10, 8, 3, 3}, std::vector<int>{9, 7, 5}}) {
    const std::vector<float> tensor = sum_of_terms(random_factors(dims, 3, 1), dims, 3);
    double best = 1;
    for (int start = 0; start < 4; ++start) {
      const CpDecomposition found = solve(tensor, dims, 3, start);
      EXPECT_NEAR(distance(tensor, sum_of_terms(found.factors, dims, 3)), found.error, 1e-5);
      best = std::min(best, found.error);
    }
    EXPECT_LT(best, 1e-3);
  }
}

TEST(Cp, OneTermOfAMatrixIsItsLeadingSingularPair) {
  // diag(3, 1) turned around: the best term of rank one loses 1 of 10.
  const std::vector<float> matrix = {0, 3, 1, 0};
  const CpDecomposition found = solve(matrix, {2, 2}, 1, 0);
  EXPECT_NEAR(found.error, std::sqrt(0.1), 1e-4);
}

TEST(Cp, SweepsNeverRaiseTheErrorAndNormsAreBalanced) {
  const std::vector<int> dims = {8, 6, 3, 3};
  const std::vector<float> tensor = sum_of_terms(random_factors(dims, 20, 2), dims, 20);
  CpSolver solver(tensor, dims, 5, 7, 1);
  double last = 1e9;
  while (solver.advance()) {
    EXPECT_LE(solver.error(), last + 1e-6);
    last = solver.error();
  }
  const CpDecomposition found = solver.result();
  for (int r = 0; r < 5; ++r) {
    std::vector<double> norms;
    for (size_t mode = 0; mode < dims.size(); ++mode) {
      double norm = 0;
      for (int i = 0; i < dims[mode]; ++i) norm += std::pow(found.factors[mode][i * 5 + r], 2);
      norms.push_back(norm);
    }
    for (double norm : norms) EXPECT_NEAR(norm, norms[0], 1e-4 * norms[0]);
  }
}

/** a a b + a b a + b a a has rank three, but terms of rank two come as close as one likes, growing
 * without bound (de Silva and Lim 2008). */
TEST(Cp, SeesTermsThatCancelEachOther) {
  std::vector<float> tensor(8, 0.0f);
  tensor[1] = tensor[2] = tensor[4] = 1;
  const CpDecomposition found = solve(tensor, {2, 2, 2}, 2, 1);
  EXPECT_LT(found.error, 0.1);
  EXPECT_GT(found.cancellation, 8);
  // Orthogonal terms cancel nothing.
  const std::vector<float> orthogonal = {1, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_NEAR(solve(orthogonal, {2, 2, 2}, 2, 1).cancellation, 1, 1e-3);
}

TEST(Cp, RefusesWhatIsNotFinite) {
  EXPECT_THROW(CpSolver(std::vector<float>{1, NAN}, {1, 2}, 1, 0, 0), Error);
}

}  // namespace
}  // namespace whittle
