#include "core/linalg/block_elimination.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/random.h"
#include "core/linalg/spd_solver.h"

namespace whittle {
namespace {

constexpr int kInputs = 9;
constexpr int kRows = 4;

struct Problem {
  std::vector<double> sums;     // [9, 9]
  std::vector<double> inverse;  // [9, 9]
  std::vector<double> weight;   // [4, 9]
};

Problem problem() {
  Random random(3);
  Problem result;
  std::vector<double> x(40 * kInputs);
  for (double& value : x) value = random.normal();
  result.sums.assign(kInputs * kInputs, 0.0);
  for (size_t row = 0; row < 40; ++row) {
    for (size_t i = 0; i < kInputs; ++i) {
      for (size_t j = 0; j < kInputs; ++j) {
        result.sums[i * kInputs + j] += x[row * kInputs + i] * x[row * kInputs + j];
      }
    }
  }
  std::vector<double> identity(kInputs * kInputs, 0.0);
  for (size_t i = 0; i < kInputs; ++i) identity[i * (kInputs + 1)] = 1;
  SpdSolver solver(result.sums, kInputs, identity, kInputs);
  while (solver.advance()) continue;
  result.inverse.assign(solver.solution().begin(), solver.solution().end());
  result.weight.resize(kRows * kInputs);
  for (double& value : result.weight) value = random.normal();
  return result;
}

/** tr(D S D^T) of the difference of two weights. */
double error(const Problem& problem, std::span<const double> weight) {
  double total = 0;
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t i = 0; i < kInputs; ++i) {
      for (size_t j = 0; j < kInputs; ++j) {
        total += (weight[r * kInputs + i] - problem.weight[r * kInputs + i]) *
                 (weight[r * kInputs + j] - problem.weight[r * kInputs + j]) *
                 problem.sums[i * kInputs + j];
      }
    }
  }
  return total;
}

/** The best weight with zeros at `gone`, by the normal equations of what stays. */
std::vector<double> best(const Problem& problem, const std::vector<int>& gone) {
  std::vector<int> kept;
  for (int i = 0; i < kInputs; ++i) {
    if (std::count(gone.begin(), gone.end(), i) == 0) kept.push_back(i);
  }
  const size_t n = kept.size();
  std::vector<double> a(n * n);
  std::vector<double> b(kRows * n, 0.0);
  const auto sum = [&](int i, int j) { return problem.sums[static_cast<size_t>(i * kInputs + j)]; };
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) a[i * n + j] = sum(kept[i], kept[j]);
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t j = 0; j < n; ++j) {
      for (int i = 0; i < kInputs; ++i) {
        b[r * n + j] += problem.weight[r * kInputs + static_cast<size_t>(i)] * sum(i, kept[j]);
      }
    }
  }
  SpdSolver solver(a, static_cast<int>(n), b, kRows);
  while (solver.advance()) continue;
  std::vector<double> result(kRows * kInputs, 0.0);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t j = 0; j < n; ++j) {
      result[r * kInputs + static_cast<size_t>(kept[j])] = solver.solution()[r * n + j];
    }
  }
  return result;
}

TEST(BlockElimination, CostsAndLeavesWhatTheNormalEquationsSay) {
  const Problem given = problem();
  BlockElimination elimination(given.inverse, kInputs, given.weight, kRows);
  const std::vector<std::vector<int>> blocks = {{4}, {0, 1, 2}, {8, 6}};
  std::vector<int> gone;
  double spent = 0;
  for (const std::vector<int>& block : blocks) {
    spent += elimination.cost(block);
    elimination.eliminate(block);
    gone.insert(gone.end(), block.begin(), block.end());
    const std::vector<double> expected = best(given, gone);
    EXPECT_NEAR(spent, error(given, expected), 1e-9 * spent);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(elimination.weight()[i], expected[i], 1e-9);
    }
  }
}

}  // namespace
}  // namespace whittle
