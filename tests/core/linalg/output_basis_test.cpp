#include "core/linalg/output_basis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/base/random.h"
#include "core/linalg/second_moment.h"
#include "core/linalg/svd.h"

namespace whittle {
namespace {

std::vector<float> random_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.normal();
  return values;
}

/** V V^T W with the first `rank` rows of V^T. */
std::vector<float> projected(const std::vector<float>& w, int m, int k, const OutputBasis& basis,
                             int rank) {
  std::vector<float> result(w.size());
  for (int j = 0; j < k; ++j) {
    for (int o = 0; o < m; ++o) {
      double sum = 0;
      for (int r = 0; r < rank; ++r) {
        double inner = 0;
        for (int p = 0; p < m; ++p) {
          inner += static_cast<double>(basis.vectors[r * m + p]) * w[p * k + j];
        }
        sum += basis.vectors[r * m + o] * inner;
      }
      result[o * k + j] = static_cast<float>(sum);
    }
  }
  return result;
}

/** Inputs whose first coordinates are stronger by far, and correlated. */
SecondMoment moment_of(int k, int count, uint64_t seed) {
  Random random(seed);
  SecondMoment moment(k);
  std::vector<float> x(static_cast<size_t>(k));
  for (int i = 0; i < count; ++i) {
    const float common = random.normal();
    for (int j = 0; j < k; ++j) {
      x[j] = (random.normal() + common) / static_cast<float>(1 + j);
    }
    moment.add(x);
  }
  return moment;
}

TEST(SecondMoment, IsTheSumOfOuterProducts) {
  for (int count : {1, 63, 64, 65, 130}) {
    SecondMoment moment(3);
    std::vector<double> sums(9, 0.0);
    Random random(static_cast<uint64_t>(count));
    for (int i = 0; i < count; ++i) {
      const std::vector<float> x = {random.normal(), random.normal(), random.normal()};
      moment.add(x);
      for (int a = 0; a < 9; ++a) sums[a] += static_cast<double>(x[a / 3]) * x[a % 3];
    }
    const std::span<const double> c = moment.finish();
    for (int a = 0; a < 9; ++a) EXPECT_NEAR(c[a], sums[a], 1e-9);
    EXPECT_EQ(moment.count(), count);
  }
}

TEST(OutputBasis, WithoutDataIsTheSvd) {
  for (const auto& [m, k] : {std::pair{7, 12}, std::pair{12, 7}}) {
    const std::vector<float> w = random_values(m * k, 1);
    const OutputBasis basis = output_basis(w, m, k, {});
    const Svd parts = svd(w, m, k);
    ASSERT_EQ(basis.energy.size(), 7u);
    for (size_t i = 0; i < 7; ++i) {
      EXPECT_NEAR(basis.energy[i], std::pow(parts.s[i], 2), 1e-4 * basis.energy[0]);
    }
    double tail = 0;
    for (size_t i = 3; i < 7; ++i) tail += basis.energy[i];
    const double total = std::accumulate(basis.energy.begin(), basis.energy.end(), 0.0);
    EXPECT_NEAR(output_error2(w, projected(w, m, k, basis, 3), m, k, {}), tail / total, 1e-6);
  }
}

TEST(OutputBasis, WithDataLosesTheLeastOfTheOutputs) {
  for (const auto& [m, k] : {std::pair{8, 14}, std::pair{14, 8}}) {
    const std::vector<float> w = random_values(m * k, 2);
    SecondMoment moment = moment_of(k, 500, 3);
    const std::span<const double> c = moment.finish();
    const OutputBasis basis = output_basis(w, m, k, c);
    const double total = std::accumulate(basis.energy.begin(), basis.energy.end(), 0.0);
    const double tail = std::accumulate(basis.energy.begin() + 3, basis.energy.end(), 0.0);
    // Eckart and Young in the whitened space: what is lost is the tail, no more.
    const double lost = output_error2(w, projected(w, m, k, basis, 3), m, k, c);
    EXPECT_NEAR(lost, tail / total, 1e-5);
    const double plain =
        output_error2(w, projected(w, m, k, output_basis(w, m, k, {}), 3), m, k, c);
    EXPECT_LT(lost, 0.9 * plain);
  }
}

TEST(OutputBasis, TakesInputsThatWereNeverThere) {
  const std::vector<float> w = random_values(4 * 6, 4);
  std::vector<double> c(36, 0.0);
  for (int i = 0; i < 3; ++i) c[static_cast<size_t>(i * 7)] = 1;  // three inputs of six
  const OutputBasis basis = output_basis(w, 4, 6, c);
  EXPECT_LT(output_error2(w, projected(w, 4, 6, basis, 3), 4, 6, c), 1e-6);
  const OutputBasis none = output_basis(w, 4, 6, std::vector<double>(36, 0.0));
  EXPECT_LT(output_error2(w, projected(w, 4, 6, none, 4), 4, 6, {}), 1e-9);
}

TEST(OutputBasis, OrthonormalRowsKeepTheirSpans) {
  std::vector<float> rows = random_values(3 * 10, 5);
  const std::vector<float> before = rows;
  orthonormalize(rows, 3, 10);
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      double inner = 0;
      for (int i = 0; i < 10; ++i)
        inner += static_cast<double>(rows[a * 10 + i]) * rows[b * 10 + i];
      EXPECT_NEAR(inner, a == b ? 1 : 0, 1e-6);
    }
  }
  double along = 0;
  double norm = 0;
  for (int i = 0; i < 10; ++i) {
    along += static_cast<double>(before[i]) * rows[i];
    norm += static_cast<double>(before[i]) * before[i];
  }
  EXPECT_NEAR(along, std::sqrt(norm), 1e-5);
}

}  // namespace
}  // namespace whittle
