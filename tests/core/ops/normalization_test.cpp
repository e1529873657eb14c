#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

using Ints = std::vector<int64_t>;

TEST(Softmax, OfDoublesIsInDouble) {
  const Tensor y = run_op1({.op = "Softmax"}, {Tensor::of<double>({2}, {0.0, 1e-9})});
  EXPECT_NEAR(y.data<double>()[1] - y.data<double>()[0], 5e-10, 1e-15);
}

TEST(Softmax, SumsToOneAlongItsAxis) {
  const float e = std::exp(1.0f);
  const Tensor x = floats({2, 2}, {0, 1, 1000, 1001});
  const float low = 1 / (1 + e);
  const float high = e / (1 + e);
  expect_tensor(run_op1({.op = "Softmax"}, {x}), {2, 2}, {low, high, low, high}, kNormalised);
  expect_tensor(run_op1({.op = "Softmax", .attributes = {{"axis", int64_t{0}}}}, {x}), {2, 2},
                {0, 0, 1, 1}, kNormalised);
  expect_tensor(run_op1({.op = "LogSoftmax"}, {x}), {2, 2},
                {std::log(low), std::log(high), std::log(low), std::log(high)}, kNormalised);
  expect_tensor(run_op1({.op = "Hardmax"}, {floats({1, 4}, {1, 3, 3, 2})}), {1, 4}, {0, 1, 0, 0});
  expect_tensor(run_op1({.op = "Softmax"}, {noise({3, 0})}), {3, 0}, {});
  EXPECT_EQ(error_of({.op = "Softmax", .attributes = {{"axis", int64_t{2}}}}, {x}),
            Code::INVALID_GRAPH);
  EXPECT_EQ(error_of({.op = "Softmax"}, {int64s({1})}), Code::UNSUPPORTED_TYPE);
}

TEST(LayerNormalization, GivesMeanAndInverseDeviation) {
  const Tensor x = floats({2, 2}, {1, 3, -10, 10});
  const OpCase op{.op = "LayerNormalization", .attributes = {{"epsilon", 0.0f}}, .outputs = 3};
  const auto out = run_op(op, {x, floats({2}, {1, 2}), floats({2}, {0, 1})});
  expect_tensor(out[0], {2, 2}, {-1, 3, -1, 3}, kNormalised);
  expect_tensor(out[1], {2, 1}, {2, 0}, kNormalised);
  expect_tensor(out[2], {2, 1}, {1, 0.1f}, kNormalised);
  const OpCase all{.op = "LayerNormalization",
                   .attributes = {{"axis", int64_t{0}}, {"epsilon", 1e-5f}}};
  // A scale that differs by row only is spread over the columns.
  const Tensor y = run_op1(all, {floats({2, 2}, {1, 1, 3, 3}), floats({2, 1}, {1, 10})});
  expect_tensor(y, {2, 2}, {-1, -1, 10, 10}, Close{1e-4f, 0});
}

TEST(BatchNormalization, UsesGivenStatisticsOrItsOwn) {
  const Tensor x = floats({2, 2, 1}, {1, 10, 3, 30});
  const Tensor scale = floats({2}, {1, 2});
  const Tensor bias = floats({2}, {0, 5});
  const Tensor mean = floats({2}, {2, 20});
  const Tensor variance = floats({2}, {4, 100});
  const Attributes exact = {{"epsilon", 0.0f}};
  expect_tensor(
      run_op1({.op = "BatchNormalization", .attributes = exact}, {x, scale, bias, mean, variance}),
      {2, 2, 1}, {-0.5f, 3, 0.5f, 7}, kNormalised);
  const Attributes training = {
      {"epsilon", 0.0f}, {"training_mode", int64_t{1}}, {"momentum", 0.5f}};
  const auto out = run_op({.op = "BatchNormalization", .attributes = training, .outputs = 3},
                          {x, scale, bias, floats({2}, {0, 0}), variance});
  expect_tensor(out[0], {2, 2, 1}, {-1, 3, 1, 7}, kNormalised);
  expect_tensor(out[1], {2}, {1, 10}, kNormalised);
  expect_tensor(out[2], {2}, {2.5f, 100}, kNormalised);
  EXPECT_EQ(error_of({.op = "BatchNormalization"}, {x, floats({1}, {1}), bias, mean, variance}),
            Code::SHAPE_MISMATCH);
}

TEST(GroupNormalization, OneGroupAChannelIsInstanceNormalization) {
  const Tensor x = noise({2, 4, 3, 5});
  const Tensor scale = noise({4}, 2);
  const Tensor bias = noise({4}, 3);
  expect_same(run_op1({.op = "GroupNormalization", .attributes = {{"num_groups", int64_t{4}}}},
                      {x, scale, bias}),
              run_op1({.op = "InstanceNormalization"}, {x, scale, bias}));
  // One group of everything, without scale and bias, is layer normalization from the channels on.
  const Tensor ones = ramp({4}, 1, 0);
  const Tensor zeros = ramp({4}, 0, 0);
  expect_same(run_op1({.op = "GroupNormalization", .attributes = {{"num_groups", int64_t{1}}}},
                      {x, ones, zeros}),
              run_op1({.op = "LayerNormalization", .attributes = {{"axis", int64_t{1}}}},
                      {x, Tensor::scalar(1.0f)}),
              kNormalised);
  EXPECT_EQ(error_of({.op = "GroupNormalization", .attributes = {{"num_groups", int64_t{3}}}},
                     {x, scale, bias}),
            Code::SHAPE_MISMATCH);
}

TEST(RMSNormalization, DividesByTheRootMeanSquare) {
  expect_tensor(run_op1({.op = "RMSNormalization", .attributes = {{"epsilon", 0.0f}}},
                        {floats({1, 2}, {3, 4}), floats({2}, {1, 2})}),
                {1, 2}, {3 / std::sqrt(12.5f), 8 / std::sqrt(12.5f)}, kNormalised);
}

TEST(LpNormalization, UnitNorms) {
  const Tensor x = floats({2, 2}, {3, 4, 0, 0});
  expect_tensor(run_op1({.op = "LpNormalization"}, {x}), {2, 2}, {0.6f, 0.8f, 0, 0}, kFewUlps);
  expect_tensor(run_op1({.op = "LpNormalization", .attributes = {{"p", int64_t{1}}}},
                        {floats({1, 2}, {-1, 3})}),
                {1, 2}, {-0.25f, 0.75f}, kFewUlps);
}

TEST(MeanVarianceNormalization, OverItsAxes) {
  const Tensor x = floats({1, 2, 1, 2}, {1, 3, 10, 30});
  expect_tensor(run_op1({.op = "MeanVarianceNormalization"}, {x}), {1, 2, 1, 2}, {-1, 1, -1, 1},
                kNormalised);
}

TEST(LRN, SumsNeighbouringChannels) {
  const Tensor x = floats({1, 3, 1}, {1, 2, 3});
  const Attributes attributes = {
      {"size", int64_t{2}}, {"alpha", 2.0f}, {"beta", 1.0f}, {"bias", 0.0f}};
  // size 2: the channel and the one after it.
  expect_tensor(run_op1({.op = "LRN", .attributes = attributes}, {x}), {1, 3, 1},
                {1.0f / 5, 2.0f / 13, 3.0f / 9}, kFewUlps);
}

TEST(SkipLayerNormalization, EqualsAddThenLayerNormalization) {
  const Tensor x = noise({2, 3, 8});
  const Tensor skip = noise({2, 3, 8}, 2);
  const Tensor gamma = noise({8}, 3);
  const Tensor beta = noise({8}, 4);
  Tensor sum = x.clone();
  for (size_t i = 0; i < 48; ++i) sum.mutable_data<float>()[i] += skip.data<float>()[i];
  const OpCase op{.op = "SkipLayerNormalization", .domain = "com.microsoft", .outputs = 4};
  const auto out = run_op(op, {x, skip, gamma, beta});
  expect_same(out[0], run_op1({.op = "LayerNormalization"}, {sum, gamma, beta}), kNormalised);
  expect_same(out[3], sum);
  const OpCase simple{.op = "SkipSimplifiedLayerNormalization", .domain = "com.microsoft"};
  expect_same(run_op1(simple, {x, skip, gamma}), run_op1({.op = "RMSNormalization"}, {sum, gamma}),
              kNormalised);
}

TEST(Gelu, ExactFastAndQuick) {
  const Tensor x = floats({3}, {-1, 0, 2});
  const auto run = [&](const char* op, std::vector<Tensor> inputs) {
    return run_op1({.op = op, .domain = "com.microsoft"}, inputs);
  };
  expect_tensor(run("Gelu", {x}), {3}, {-0.15865525f, 0, 1.9544997f}, kTranscendental);
  expect_tensor(run("BiasGelu", {floats({3}, {-2, -1, 1}), floats({3}, {1, 1, 1})}), {3},
                {-0.15865525f, 0, 1.9544997f}, kTranscendental);
  expect_tensor(run("FastGelu", {x}), {3}, {-0.15880801f, 0, 1.9545977f}, kTranscendental);
  expect_tensor(run("QuickGelu", {x}), {3}, {-0.15420423f, 0, 1.9356586f}, kTranscendental);
}

}  // namespace
}  // namespace whittle::test
