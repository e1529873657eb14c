#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

using Ints = std::vector<int64_t>;

TEST(MaxPool, IndicesCountInTheFlatInput) {
  const Tensor x = floats({1, 2, 2, 3}, {1, 5, 2, 4, 3, 6, 9, 8, 7, 9, 1, 2});
  const OpCase op{.op = "MaxPool", .attributes = {{"kernel_shape", Ints{2, 2}}}, .outputs = 2};
  const auto out = run_op(op, {x});
  expect_tensor(out[0], {1, 2, 1, 2}, {5, 6, 9, 8});
  expect_tensor(out[1], {1, 2, 1, 2}, {1, 5, 6, 7});
  const OpCase columns{.op = "MaxPool",
                       .attributes = {{"kernel_shape", Ints{2, 2}}, {"storage_order", int64_t{1}}},
                       .outputs = 2};
  expect_tensor(run_op(columns, {x})[1], {1, 2, 1, 2}, {2, 5, 6, 8});
}

TEST(MaxPool, PaddingNeverWinsAndNanAlwaysDoes) {
  const Attributes attributes = {{"kernel_shape", Ints{3}}, {"pads", Ints{1, 1}}};
  expect_tensor(run_op1({.op = "MaxPool", .attributes = attributes}, {floats({1, 1, 2}, {-5, -7})}),
                {1, 1, 2}, {-5, -5});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_tensor(
      run_op1({.op = "MaxPool", .attributes = attributes}, {floats({1, 1, 4}, {1, nan, 2, 3})}),
      {1, 1, 4}, {nan, nan, nan, 3});
  expect_tensor(run_op1({.op = "MaxPool", .attributes = attributes},
                        {Tensor::of<int8_t>({1, 1, 2}, {-128, -3})}),
                {1, 1, 2}, {-3, -3});
}

TEST(MaxPool, CeilModeDropsWindowsInTheEndPadding) {
  const Tensor x = floats({1, 1, 5}, {1, 2, 3, 4, 5});
  const auto run = [&](Ints pads, int64_t ceil) {
    return run_op1({.op = "MaxPool",
                    .attributes = {{"kernel_shape", Ints{2}},
                                   {"strides", Ints{2}},
                                   {"pads", pads},
                                   {"ceil_mode", ceil}}},
                   {x});
  };
  expect_tensor(run({0, 0}, 0), {1, 1, 2}, {2, 4});
  expect_tensor(run({0, 0}, 1), {1, 1, 3}, {2, 4, 5});
  expect_tensor(run({1, 1}, 1), {1, 1, 3}, {1, 3, 5});  // a fourth would start behind the input
}

TEST(MaxPool, Dilation) {
  expect_tensor(
      run_op1({.op = "MaxPool", .attributes = {{"kernel_shape", Ints{2}}, {"dilations", Ints{2}}}},
              {floats({1, 1, 5}, {9, 8, 1, 2, 3})}),
      {1, 1, 3}, {9, 8, 3});
}

TEST(AveragePool, CountsWithOrWithoutPadding) {
  const Tensor x = floats({1, 1, 3}, {3, 6, 9});
  const auto run = [&](int64_t include, int64_t ceil, Ints strides) {
    return run_op1({.op = "AveragePool",
                    .attributes = {{"kernel_shape", Ints{2}},
                                   {"pads", Ints{1, 0}},
                                   {"strides", strides},
                                   {"count_include_pad", include},
                                   {"ceil_mode", ceil}}},
                   {x});
  };
  expect_tensor(run(0, 0, {1}), {1, 1, 3}, {3, 4.5f, 7.5f});
  expect_tensor(run(1, 0, {1}), {1, 1, 3}, {1.5f, 4.5f, 7.5f});
  // 4 padded elements by stride 3: the second window starts at the last one and reaches past the
  // end; what is past the padding is not counted.
  expect_tensor(run(1, 1, {3}), {1, 1, 2}, {1.5f, 9});
  expect_tensor(run(0, 1, {3}), {1, 1, 2}, {3, 9});
}

TEST(AveragePool, SameEqualsExplicitPads) {
  const Tensor x = noise({1, 2, 6, 5});
  const Attributes same = {{"kernel_shape", Ints{3, 2}},
                           {"strides", Ints{2, 1}},
                           {"auto_pad", std::string("SAME_UPPER")}};
  const Attributes pads = {
      {"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 1}}, {"pads", Ints{0, 0, 1, 1}}};
  expect_same(run_op1({.op = "AveragePool", .attributes = same}, {x}),
              run_op1({.op = "AveragePool", .attributes = pads}, {x}));
}

TEST(LpPool, IsARootOfPowers) {
  expect_tensor(run_op1({.op = "LpPool", .attributes = {{"kernel_shape", Ints{2}}}},
                        {floats({1, 1, 3}, {-3, 4, 0})}),
                {1, 1, 2}, {5, 4}, kFewUlps);
}

TEST(GlobalPool, ReducesEachPlane) {
  const Tensor x = floats({1, 2, 1, 2}, {1, 2, -3, 4});
  expect_tensor(run_op1({.op = "GlobalAveragePool"}, {x}), {1, 2, 1, 1}, {1.5f, 0.5f});
  expect_tensor(run_op1({.op = "GlobalMaxPool"}, {x}), {1, 2, 1, 1}, {2, 4});
  expect_tensor(run_op1({.op = "GlobalLpPool"}, {x}), {1, 2, 1, 1}, {std::sqrt(5.0f), 5}, kFewUlps);
  expect_tensor(run_op1({.op = "GlobalAveragePool"}, {noise({0, 2, 3})}), {0, 2, 1}, {});
}

TEST(MaxUnpool, PutsValuesBack) {
  const Tensor x = floats({1, 1, 2}, {5, 6});
  const Tensor indices = Tensor::of<int64_t>({1, 1, 2}, {1, 2});
  const OpCase op{.op = "MaxUnpool",
                  .attributes = {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}}};
  expect_tensor(run_op1(op, {x, indices}), {1, 1, 4}, {0, 5, 6, 0});
  expect_tensor(run_op1(op, {x, indices, int64s({1, 1, 6})}), {1, 1, 6}, {0, 5, 6, 0, 0, 0});
  EXPECT_EQ(error_of(op, {x, Tensor::of<int64_t>({1, 1, 2}, {1, 4})}), Code::INVALID_DATA);
}

TEST(Pools, RefuseWindowsThatDoNotFit) {
  const OpCase op{.op = "MaxPool", .attributes = {{"kernel_shape", Ints{3, 3}}}};
  EXPECT_EQ(error_of(op, {noise({1, 1, 2, 2})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of(op, {noise({1, 1, 5})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "MaxPool"}, {noise({1, 1, 5})}), Code::SHAPE_MISMATCH);
  const Attributes wide = {{"kernel_shape", Ints{2}}, {"pads", Ints{0, 2}}};
  EXPECT_EQ(error_of({.op = "AveragePool", .attributes = wide}, {noise({1, 1, 5})}),
            Code::INVALID_GRAPH);
}

TEST(RoiAlign, AveragesAConstantToItself) {
  const Tensor x = ramp({1, 1, 4, 4}, 7, 0);
  const OpCase op{.op = "RoiAlign",
                  .attributes = {{"output_height", int64_t{2}}, {"output_width", int64_t{3}}}};
  expect_tensor(run_op1(op, {x, floats({1, 4}, {0, 0, 4, 4}), int64s({0})}), {1, 1, 2, 3},
                {7, 7, 7, 7, 7, 7}, kFewUlps);
  EXPECT_EQ(error_of(op, {x, floats({1, 4}, {0, 0, 4, 4}), int64s({1})}), Code::INVALID_DATA);
}

TEST(RoiAlign, RegionsThatAreNoneGiveZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor rois = floats({2, 4}, {nan, nan, nan, nan, 50, 50, 60, 60});
  expect_tensor(run_op1({.op = "RoiAlign"}, {ramp({1, 1, 2, 2}, 7, 0), rois, int64s({0, 0})}),
                {2, 1, 1, 1}, {0, 0});
  EXPECT_EQ(error_of({.op = "RoiAlign", .attributes = {{"sampling_ratio", int64_t{1} << 40}}},
                     {noise({1, 1, 2, 2}), rois, int64s({0, 0})}),
            Code::INVALID_GRAPH);
  EXPECT_EQ(error_of({.op = "MaxRoiPool", .attributes = {{"pooled_shape", Ints{1, 1}}}},
                     {noise({1, 1, 2, 2}), floats({1, 5}, {0, nan, 0, 1, 1})}),
            Code::INVALID_DATA);
}

TEST(MaxRoiPool, TakesTheGreatestOfEachCell) {
  const Tensor x = ramp({1, 1, 4, 4});
  const OpCase op{.op = "MaxRoiPool", .attributes = {{"pooled_shape", Ints{2, 2}}}};
  expect_tensor(run_op1(op, {x, floats({1, 5}, {0, 0, 0, 3, 3})}), {1, 1, 2, 2}, {5, 7, 13, 15});
}

TEST(NonMaxSuppression, TakesTheBestOfOverlappingBoxes) {
  const Tensor boxes = floats({1, 3, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 10, 1, 11});
  const Tensor scores = floats({1, 1, 3}, {0.75f, 0.9f, 0.6f});
  const OpCase op{.op = "NonMaxSuppression"};
  expect_tensor(run_op1(op, {boxes, scores, int64s({3}), floats({1}, {0.5f})}), {2, 3},
                {0, 0, 1, 0, 0, 2});
  expect_tensor(run_op1(op, {boxes, scores, int64s({3}), floats({1}, {0.5f}), floats({1}, {0.7f})}),
                {1, 3}, {0, 0, 1});
  expect_tensor(run_op1(op, {boxes, scores}), {0, 3}, {});
}

}  // namespace
}  // namespace whittle::test
