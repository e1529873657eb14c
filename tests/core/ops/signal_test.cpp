// DFT, STFT, Det, Inverse, CenterCropPad, Col2Im, DeformConv, TensorScatter, TreeEnsemble.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

/** The transform of real x by its definition, pairs of real and imaginary parts. */
std::vector<float> transform(const Tensor& x) {
  const int64_t n = x.elements();
  std::vector<float> result;
  for (int64_t k = 0; k < n; ++k) {
    double re = 0, im = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double angle =
          -2 * std::numbers::pi * static_cast<double>(k * i % n) / static_cast<double>(n);
      const double value = x.data<float>()[static_cast<size_t>(i)];
      re += value * std::cos(angle);
      im += value * std::sin(angle);
    }
    result.push_back(static_cast<float>(re));
    result.push_back(static_cast<float>(im));
  }
  return result;
}

TEST(Dft, EveryLengthIsItsDefinition) {
  for (int64_t n : {1, 2, 3, 5, 8, 12, 31, 64, 100}) {
    const Tensor x = noise({1, n, 1}, static_cast<uint64_t>(n));
    const Tensor y = run_op1({"DFT"}, {x});
    expect_tensor(y, {1, n, 2}, transform(x), kConformance);
    const Tensor back = run_op1({"DFT", {{"inverse", int64_t{1}}}}, {y});
    std::vector<float> signal;
    for (float value : x.data<float>()) signal.insert(signal.end(), {value, 0.0f});
    expect_tensor(back, {1, n, 2}, signal, kConformance);
  }
}

TEST(Dft, HalfASpectrumAndBack) {
  for (int64_t n : {6, 7}) {
    const Tensor x = noise({2, n, 1}, 3);
    const Tensor half = run_op1({"DFT", {{"onesided", int64_t{1}}}}, {x});
    EXPECT_EQ(half.shape()[1], n / 2 + 1);
    const OpCase inverse{"DFT", {{"onesided", int64_t{1}}, {"inverse", int64_t{1}}}};
    expect_tensor(run_op1(inverse, {half, Tensor::scalar<int64_t>(n)}), {2, n, 1}, to_floats(x, ""),
                  kConformance);
  }
  EXPECT_EQ(error_of({"DFT"}, {noise({1, 4, 3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({"DFT"}, {noise({1, 4, 1}), Tensor::scalar<int64_t>(0)}), Code::INVALID_DATA);
}

TEST(Stft, FramesAreTransforms) {
  const Tensor x = noise({1, 10, 1}, 5);
  const Tensor y = run_op1({"STFT", {{"onesided", int64_t{0}}}},
                           {x, Tensor::scalar<int64_t>(3), {}, Tensor::scalar<int64_t>(4)});
  EXPECT_EQ(to_string(y.shape()), "[1,3,4,2]");
  const Tensor frame = Tensor::of<float>({4}, x.data<float>().subspan(3, 4));
  const std::vector<float> all = to_floats(y, "");
  expect_tensor(Tensor::of<float>({8}, std::span(all).subspan(8, 8)), {8}, transform(frame),
                kConformance);
}

TEST(Elimination, DeterminantAndInverse) {
  const Tensor x = floats({2, 2, 2}, {0, 2, 3, 4, 1, 2, 2, 4});
  expect_tensor(run_op1({"Det"}, {x}), {2}, {-6, 0});
  const OpCase inverse{"Inverse", {}, "com.microsoft"};
  const Tensor one = floats({2, 2}, {0, 2, 4, 8});
  expect_tensor(run_op1(inverse, {one}), {2, 2}, {-1, 0.25, 0.5, 0});
  EXPECT_EQ(error_of(inverse, {x}), Code::INVALID_DATA);
  EXPECT_EQ(error_of({"Det"}, {ramp({2, 3})}), Code::SHAPE_MISMATCH);
}

TEST(CenterCropPad, CutsAndFills) {
  expect_tensor(run_op1({"CenterCropPad"}, {ramp({4, 2}), int64s({1, 5})}), {1, 5},
                {0, 2, 3, 0, 0});
  EXPECT_EQ(error_of({"CenterCropPad"}, {ramp({4, 2}), int64s({1})}), Code::SHAPE_MISMATCH);
}

TEST(Col2Im, SumsWhereWindowsOverlap) {
  // Windows of 2 over 3 pixels: the middle one is in both.
  expect_tensor(run_op1({"Col2Im"}, {floats({1, 2, 2}, {1, 2, 10, 20}), int64s({3}), int64s({2})}),
                {1, 1, 3}, {1, 12, 20});
  EXPECT_EQ(error_of({"Col2Im"}, {ramp({1, 2, 3}), int64s({3}), int64s({2})}),
            Code::SHAPE_MISMATCH);
}

TEST(DeformConv, WithoutOffsetsIsConv) {
  const Tensor x = noise({2, 4, 5, 6}, 1);
  const Tensor w = noise({4, 2, 3, 2}, 2);
  const Tensor bias = noise({4}, 3);
  const Attributes attributes{{"group", int64_t{2}},
                              {"pads", std::vector<int64_t>{1, 0, 1, 1}},
                              {"strides", std::vector<int64_t>{2, 1}}};
  const Tensor expected = run_op1({"Conv", attributes}, {x, w, bias});
  const int64_t rows = expected.shape()[2], columns = expected.shape()[3];
  const Tensor still = Tensor::zeros(DType::f32, {2, 12, rows, columns});
  expect_same(run_op1({"DeformConv", attributes}, {x, w, still, bias}), expected, kConformance);
  // All taps one pixel to the right: the convolution of the image moved to the left.
  Tensor right = still.clone();
  for (int64_t i = 0; i < right.elements(); ++i) {
    right.mutable_data<float>()[static_cast<size_t>(i)] =
        static_cast<float>(i / (rows * columns) % 2);
  }
  Tensor moved = Tensor::zeros(DType::f32, x.shape());
  for (int64_t i = 0; i < x.elements(); ++i) {
    if (i % 6 != 0) {
      moved.mutable_data<float>()[static_cast<size_t>(i - 1)] =
          x.data<float>()[static_cast<size_t>(i)];
    }
  }
  expect_same(run_op1({"DeformConv", attributes}, {x, w, right, bias}),
              run_op1({"Conv", attributes}, {moved, w, bias}), kConformance);
  EXPECT_EQ(error_of({"DeformConv", attributes}, {x, w, ramp({2, 11, rows, columns})}),
            Code::SHAPE_MISMATCH);
}

TEST(TensorScatter, WritesRowsOfACache) {
  const Tensor cache = Tensor::zeros(DType::f32, {2, 3, 1});
  const Tensor update = floats({2, 2, 1}, {1, 2, 3, 4});
  expect_tensor(run_op1({"TensorScatter"}, {cache, update, int64s({0, 1})}), {2, 3, 1},
                {1, 2, 0, 0, 3, 4});
  expect_tensor(run_op1({"TensorScatter", {{"mode", std::string("circular")}}},
                        {cache, update, int64s({2, 0})}),
                {2, 3, 1}, {2, 0, 1, 3, 4, 0});
  EXPECT_EQ(error_of({"TensorScatter"}, {cache, update, int64s({2, 0})}), Code::INVALID_DATA);
}

TEST(TreeEnsemble, RefusesCircles) {
  const Attributes attributes{{"n_targets", int64_t{1}},
                              {"tree_roots", std::vector<int64_t>{0}},
                              {"nodes_modes", Tensor::of<uint8_t>({1}, {0})},
                              {"nodes_splits", floats({1}, {0.5f})},
                              {"nodes_featureids", std::vector<int64_t>{0}},
                              {"nodes_truenodeids", std::vector<int64_t>{0}},
                              {"nodes_trueleafs", std::vector<int64_t>{1}},
                              {"nodes_falsenodeids", std::vector<int64_t>{0}},
                              {"nodes_falseleafs", std::vector<int64_t>{0}},
                              {"leaf_targetids", std::vector<int64_t>{0}},
                              {"leaf_weights", floats({1}, {3})}};
  const OpCase which{"TreeEnsemble", attributes, "ai.onnx.ml"};
  expect_tensor(run_op1(which, {floats({1, 1}, {0})}), {1, 1}, {3});
  EXPECT_EQ(error_of(which, {floats({1, 1}, {1})}), Code::INVALID_GRAPH);
}

}  // namespace
}  // namespace whittle::test
