// Random operators: moments of many draws, and what a seed promises.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

struct Statistics {
  double mean = 0;
  double deviation = 0;
};

Statistics statistics(const Tensor& tensor) {
  Statistics made;
  const std::vector<float> values = to_floats(tensor, "");
  const auto count = static_cast<double>(values.size());
  for (float value : values) made.mean += value / count;
  for (float value : values) made.deviation += (value - made.mean) * (value - made.mean) / count;
  made.deviation = std::sqrt(made.deviation);
  return made;
}

const std::vector<int64_t> kShape = {100, 100};

TEST(Random, NormalAndUniformHaveTheirMoments) {
  const Tensor n = run_op1(
      {"RandomNormal", {{"shape", kShape}, {"seed", 1.0f}, {"mean", 3.0f}, {"scale", 2.0f}}}, {});
  EXPECT_NEAR(statistics(n).mean, 3, 0.1);
  EXPECT_NEAR(statistics(n).deviation, 2, 0.1);
  const Tensor u = run_op1(
      {"RandomUniform", {{"shape", kShape}, {"seed", 1.0f}, {"low", -1.0f}, {"high", 3.0f}}}, {});
  EXPECT_NEAR(statistics(u).mean, 1, 0.1);
  EXPECT_NEAR(statistics(u).deviation, 4 / std::sqrt(12.0), 0.1);
}

TEST(Random, ASeedRepeatsItsNumbers) {
  const Tensor like = floats({3}, {0, 0, 0});
  const OpCase seeded{"RandomNormalLike", {{"seed", 5.0f}}};
  expect_same(run_op1(seeded, {like}), run_op1(seeded, {like}));
  const OpCase free{"RandomNormalLike"};
  EXPECT_NE(to_floats(run_op1(free, {like}), ""), to_floats(run_op1(free, {like}), ""));
  const OpCase half{"RandomUniformLike", {{"dtype", static_cast<int64_t>(DType::f16)}}};
  EXPECT_EQ(run_op1(half, {like}).dtype(), DType::f16);
}

TEST(Random, BernoulliAndMultinomialFollowProbabilities) {
  Tensor probabilities = Tensor::allocate(DType::f32, {10000});
  for (float& value : probabilities.mutable_data<float>()) value = 0.3f;
  const Tensor b = run_op1({"Bernoulli", {{"seed", 2.0f}}}, {probabilities});
  EXPECT_NEAR(statistics(b).mean, 0.3, 0.02);
  const Tensor logs = floats({2, 3}, {std::log(1.0f), std::log(2.0f), std::log(1.0f), 0, -99, -99});
  const Tensor m =
      run_op1({"Multinomial", {{"sample_size", int64_t{4000}}, {"seed", 3.0f}}}, {logs});
  int64_t counts[2][3] = {};
  for (size_t i = 0; i < 8000; ++i) ++counts[i / 4000][m.data<int32_t>()[i]];
  EXPECT_NEAR(static_cast<double>(counts[0][1]), 2000, 120);
  EXPECT_NEAR(static_cast<double>(counts[0][0]), 1000, 120);
  EXPECT_EQ(counts[1][0], 4000);
}

}  // namespace
}  // namespace whittle::test
