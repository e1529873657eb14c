#include <gtest/gtest.h>

#include <limits>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

using Ints = std::vector<int64_t>;

Tensor resized(const Tensor& x, Attributes attributes, std::initializer_list<float> scales) {
  const Tensor values = floats({static_cast<int64_t>(scales.size())}, scales);
  return run_op1({.op = "Resize", .attributes = std::move(attributes)}, {x, Tensor{}, values});
}

Attributes with(const char* mode, const char* coordinates) {
  return {{"mode", std::string(mode)},
          {"coordinate_transformation_mode", std::string(coordinates)}};
}

TEST(Resize, NearestRepeatsElements) {
  const Tensor x = floats({1, 1, 1, 3}, {1, 2, 3});
  expect_tensor(resized(x, with("nearest", "asymmetric"), {1, 1, 2, 2}), {1, 1, 2, 6},
                {1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3});
  const Tensor bytes = Tensor::of<uint8_t>({1, 3}, {1, 2, 255});
  expect_tensor(resized(bytes, with("nearest", "half_pixel"), {1, 2}), {1, 6},
                {1, 1, 2, 2, 255, 255});
}

TEST(Resize, NearestModesDifferAtHalves) {
  const Tensor x = floats({4}, {0, 1, 2, 3});
  // Sources of the two outputs: 0.5 and 2.5.
  const auto run = [&](const char* rounding) {
    Attributes attributes = with("nearest", "half_pixel");
    attributes["nearest_mode"] = std::string(rounding);
    return resized(x, attributes, {0.5f});
  };
  expect_tensor(run("round_prefer_floor"), {2}, {0, 2});
  expect_tensor(run("round_prefer_ceil"), {2}, {1, 3});
  expect_tensor(run("floor"), {2}, {0, 2});
  expect_tensor(run("ceil"), {2}, {1, 3});
}

TEST(Resize, LinearCoordinates) {
  const Tensor x = floats({2}, {0, 8});
  expect_tensor(resized(x, with("linear", "half_pixel"), {2}), {4}, {0, 2, 6, 8}, kFewUlps);
  expect_tensor(resized(x, with("linear", "align_corners"), {2.5f}), {5}, {0, 2, 4, 6, 8},
                kFewUlps);
  expect_tensor(resized(x, with("linear", "asymmetric"), {2}), {4}, {0, 4, 8, 8}, kFewUlps);
  expect_tensor(resized(floats({4}, {0, 2, 4, 6}), with("linear", "pytorch_half_pixel"), {0.25f}),
                {1}, {0});
}

TEST(Resize, CubicReproducesAConstantAndItsOwnGrid) {
  const Tensor constant = ramp({1, 1, 5, 5}, 3, 0);
  const Tensor out = resized(constant, with("cubic", "half_pixel"), {1, 1, 1.6f, 0.6f});
  expect_same(out, ramp({1, 1, 8, 3}, 3, 0), kTranscendental);
  const Tensor x = noise({4, 4});
  expect_same(resized(x, with("cubic", "align_corners"), {1, 1}), x);
}

TEST(Resize, SizesAxesAndAspect) {
  const Tensor x = ramp({1, 4, 2});
  const auto run = [&](const char* policy, std::initializer_list<int64_t> sizes) {
    return run_op1({.op = "Resize",
                    .attributes = {{"axes", Ints{1, 2}},
                                   {"keep_aspect_ratio_policy", std::string(policy)}}},
                   {x, Tensor{}, Tensor{}, int64s(sizes)})
        .shape();
  };
  EXPECT_EQ(to_string(run("stretch", {8, 6})), "[1,8,6]");
  EXPECT_EQ(to_string(run("not_larger", {8, 6})), "[1,8,4]");
  EXPECT_EQ(to_string(run("not_smaller", {8, 6})), "[1,12,6]");
}

TEST(Resize, CropExtrapolates) {
  Attributes attributes = with("linear", "tf_crop_and_resize");
  attributes["extrapolation_value"] = 9.0f;
  const Tensor x = floats({3}, {0, 2, 4});
  const Tensor roi = floats({2}, {0.5f, 1.5f});
  expect_tensor(
      run_op1({.op = "Resize", .attributes = attributes}, {x, roi, Tensor{}, int64s({3})}), {3},
      {2, 4, 9});
}

TEST(Resize, CropNeedsFiniteRegions) {
  const Tensor roi = floats({2}, {0, std::numeric_limits<float>::infinity()});
  EXPECT_EQ(error_of({.op = "Resize", .attributes = with("nearest", "tf_crop_and_resize")},
                     {noise({3}), roi, Tensor{}, int64s({3})}),
            Code::INVALID_DATA);
}

TEST(Resize, AntialiasAveragesWhenItShrinks) {
  Attributes attributes = with("linear", "half_pixel");
  attributes["antialias"] = int64_t{1};
  // Halving: a triangle of two elements to each side, weights 1 3 3 1 in eighths.
  expect_tensor(resized(floats({6}, {0, 0, 8, 0, 0, 0}), attributes, {0.5f}), {3}, {1, 3, 0},
                Close{1e-5f, 1e-5f});
}

TEST(Resize, RefusesBadRequests) {
  const Tensor x = noise({2, 2});
  EXPECT_EQ(error_of({.op = "Resize"}, {x, Tensor{}, floats({1}, {2})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "Resize"}, {x}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "Resize"}, {x, Tensor{}, floats({2}, {-1, 2})}), Code::INVALID_GRAPH);
  EXPECT_EQ(error_of({.op = "Resize", .attributes = with("lanczos", "half_pixel")},
                     {x, Tensor{}, floats({2}, {1, 2})}),
            Code::INVALID_GRAPH);
}

TEST(GridSample, TheIdentityGridGivesTheImage) {
  const Tensor x = ramp({1, 2, 2, 2});
  const Tensor corners = floats({1, 2, 2, 2}, {-1, -1, 1, -1, -1, 1, 1, 1});
  const Attributes aligned = {{"align_corners", int64_t{1}}};
  expect_same(run_op1({.op = "GridSample", .attributes = aligned}, {x, corners}), x);
  // Without alignment the corners lie between an element and the zeros around: a quarter each.
  expect_tensor(run_op1({.op = "GridSample"}, {ramp({1, 1, 2, 2}, 4, 0), corners}), {1, 1, 2, 2},
                {1, 1, 1, 1});
  const Attributes border = {{"padding_mode", std::string("border")}};
  expect_tensor(run_op1({.op = "GridSample", .attributes = border}, {ramp({1, 1, 2, 2}), corners}),
                {1, 1, 2, 2}, {0, 1, 2, 3});
}

}  // namespace
}  // namespace whittle::test
