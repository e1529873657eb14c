#include "core/linalg/tucker2.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"

namespace whittle {
namespace {

std::vector<float> random_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.normal();
  return values;
}

std::vector<float> multiply_out(const Tucker2& parts, int outputs, int inputs, int taps) {
  std::vector<float> kernel(static_cast<size_t>(outputs * inputs * taps));
  for (int o = 0; o < outputs; ++o) {
    for (int c = 0; c < inputs; ++c) {
      for (int t = 0; t < taps; ++t) {
        double sum = 0;
        for (int a = 0; a < parts.rank_out; ++a) {
          for (int b = 0; b < parts.rank_in; ++b) {
            sum += static_cast<double>(parts.out[o * parts.rank_out + a]) *
                   parts.core[(a * parts.rank_in + b) * taps + t] * parts.in[b * inputs + c];
          }
        }
        kernel[(o * inputs + c) * taps + t] = static_cast<float>(sum);
      }
    }
  }
  return kernel;
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

Tucker2 solve(Tucker2Solver& solver, int rank_out, int rank_in) {
  solver.start(rank_out, rank_in);
  while (solver.advance()) {
  }
  return solver.result();
}

TEST(Tucker2, RecoversAKernelOfLowRank) {
  Tucker2 made;
  made.rank_out = 3;
  made.rank_in = 4;
  made.out = random_values(12 * 3, 1);
  made.core = random_values(3 * 4 * 9, 2);
  made.in = random_values(4 * 10, 3);
  const std::vector<float> kernel = multiply_out(made, 12, 10, 9);
  Tucker2Solver solver(kernel, 12, 10, 9);
  EXPECT_LT(solver.out_spectrum()[3], 1e-10 * solver.out_spectrum()[0]);
  EXPECT_LT(solver.in_spectrum()[4], 1e-10 * solver.in_spectrum()[0]);
  const Tucker2 found = solve(solver, 3, 4);
  EXPECT_LT(distance(kernel, multiply_out(found, 12, 10, 9)), 1e-6);
  EXPECT_LT(found.error, 1e-6);
}

TEST(Tucker2, FullRanksChangeNothing) {
  // The second kernel has more inputs than an unfolding has columns.
  for (const auto& [outputs, inputs, taps] : {std::array{6, 5, 9}, std::array{2, 9, 3}}) {
    const std::vector<float> kernel = random_values(outputs * inputs * taps, 7);
    Tucker2Solver solver(kernel, outputs, inputs, taps);
    const Tucker2 found = solve(solver, outputs, inputs);
    EXPECT_LT(distance(kernel, multiply_out(found, outputs, inputs, taps)), 1e-6);
  }
}

TEST(Tucker2, OneModeAloneLosesTheTailOfItsSpectrum) {
  const std::vector<float> kernel = random_values(8 * 6 * 9, 4);
  Tucker2Solver solver(kernel, 8, 6, 9);
  const std::vector<double>& squares = solver.out_spectrum();
  const double total = std::accumulate(squares.begin(), squares.end(), 0.0);
  const double tail = std::accumulate(squares.begin() + 5, squares.end(), 0.0);
  const Tucker2 found = solve(solver, 5, 6);
  EXPECT_NEAR(found.error, std::sqrt(tail / total), 1e-9);
  EXPECT_NEAR(distance(kernel, multiply_out(found, 8, 6, 9)), found.error, 1e-6);
}

TEST(Tucker2, SweepsNeverRaiseTheErrorOfTheHosvdAndReachAStationaryPoint) {
  const std::vector<float> kernel = random_values(16 * 12 * 9, 5);
  Tucker2Solver solver(kernel, 16, 12, 9);
  solver.start(5, 4);
  double last = solver.result().error;
  bool moves = true;
  while (moves) {
    moves = solver.advance();
    const double now = solver.result().error;
    EXPECT_LE(now, last + 1e-12);
    last = now;
  }
  const Tucker2 found = solver.result();
  EXPECT_LT(found.error, found.start_error);
  EXPECT_NEAR(distance(kernel, multiply_out(found, 16, 12, 9)), found.error, 1e-6);
  // The bound of the HOSVD: the energy each mode discards by itself.
  const auto tail = [](const std::vector<double>& squares, int rank) {
    return std::accumulate(squares.begin() + rank, squares.end(), 0.0) /
           std::accumulate(squares.begin(), squares.end(), 0.0);
  };
  EXPECT_LE(found.start_error,
            std::sqrt(tail(solver.out_spectrum(), 5) + tail(solver.in_spectrum(), 4)));
}

TEST(Tucker2, RefusesWhatIsNotFinite) {
  EXPECT_THROW(Tucker2Solver(std::vector<float>{1, NAN}, 1, 2, 1), Error);
}

}  // namespace
}  // namespace whittle
