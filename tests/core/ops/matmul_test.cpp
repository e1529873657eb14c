#include <gtest/gtest.h>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

TEST(MatMul, MatricesVectorsAndBatches) {
  const Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = floats({3, 2}, {1, 0, 0, 1, 1, 1});
  const OpCase matmul{.op = "MatMul"};
  expect_tensor(run_op1(matmul, {a, b}), {2, 2}, {4, 5, 10, 11});
  expect_tensor(run_op1(matmul, {a, floats({3}, {1, 1, 1})}), {2}, {6, 15});
  expect_tensor(run_op1(matmul, {floats({2}, {1, 10}), a}), {3}, {41, 52, 63});
  expect_tensor(run_op1(matmul, {floats({2}, {1, 2}), floats({2}, {3, 4})}), Shape{}, {11});
  // [2, 1, 1, 2] x [3, 2, 1]: batches broadcast to [2, 3].
  expect_tensor(run_op1(matmul, {ramp({2, 1, 1, 2}), ramp({3, 2, 1})}), {2, 3, 1, 1},
                {1, 3, 5, 3, 13, 23});
}

TEST(MatMul, EmptySizes) {
  const OpCase matmul{.op = "MatMul"};
  expect_tensor(run_op1(matmul, {noise({2, 0}), noise({0, 3})}), {2, 3}, {0, 0, 0, 0, 0, 0});
  expect_tensor(run_op1(matmul, {noise({0, 2}), noise({2, 3})}), {0, 3}, {});
  expect_tensor(run_op1(matmul, {noise({0, 2, 2}), noise({2, 3})}), {0, 2, 3}, {});
  const Tensor many_of_nothing = noise({int64_t{1} << 40, 0, 2});
  EXPECT_EQ(run_op1(matmul, {many_of_nothing, noise({2, 3})}).elements(), 0);
}

TEST(MatMul, IntegersWrapAround) {
  const Tensor big = Tensor::of<int32_t>({1, 1}, {1 << 20});
  EXPECT_EQ(run_op1({.op = "MatMul"}, {big, big}).data<int32_t>()[0], 0);
  const Tensor wide = Tensor::of<uint64_t>({1, 1}, {uint64_t{1} << 40});
  EXPECT_EQ(
      run_op1({.op = "MatMul"}, {wide, Tensor::of<uint64_t>({1, 1}, {3})}).data<uint64_t>()[0],
      uint64_t{3} << 40);
}

TEST(MatMul, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of({.op = "MatMul"}, {noise({2, 3}), noise({2, 3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "MatMul"}, {noise({2, 2, 3}), noise({3, 3, 2})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "MatMul"}, {noise({}), noise({3})}), Code::SHAPE_MISMATCH);
}

TEST(MatMul, InfersSymbols) {
  const Dims a{Dim::named("batch"), Dim::named("tokens"), Dim(8)};
  EXPECT_EQ(to_string(*inferred_dims({.op = "MatMul"}, {a, to_dims(Shape{8, 4})})),
            "[batch,tokens,4]");
}

TEST(Gemm, TransposesScalesAndBroadcasts) {
  const Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = floats({3, 2}, {1, 0, 0, 1, 1, 1});
  expect_tensor(run_op1({.op = "Gemm"}, {a, b}), {2, 2}, {4, 5, 10, 11});
  const Tensor bt = floats({2, 3}, {1, 0, 1, 0, 1, 1});
  const Tensor at = floats({3, 2}, {1, 4, 2, 5, 3, 6});
  const Attributes both = {
      {"transA", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 0.5f}, {"beta", 2.0f}};
  expect_tensor(run_op1({.op = "Gemm", .attributes = both}, {at, bt, floats({2}, {1, 2})}), {2, 2},
                {4, 6.5f, 7, 9.5f});
  expect_tensor(run_op1({.op = "Gemm"}, {a, b, floats({2, 1}, {100, 200})}), {2, 2},
                {104, 105, 210, 211});
  expect_tensor(run_op1({.op = "Gemm"}, {a, b, Tensor::scalar(1.0f)}), {2, 2}, {5, 6, 11, 12});
  EXPECT_EQ(error_of({.op = "Gemm"}, {a, a}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "Gemm"}, {a, b, noise({3})}), Code::SHAPE_MISMATCH);
}

TEST(MatMulInteger, TakesZeroPointsOffRowsAndColumns) {
  const Tensor a = Tensor::of<uint8_t>({2, 2}, {255, 0, 10, 20});
  const Tensor b = Tensor::of<int8_t>({2, 2}, {-128, 127, 1, 2});
  const OpCase op{.op = "MatMulInteger"};
  expect_tensor(run_op1(op, {a, b}), {2, 2}, {-32640, 32385, -1260, 1310});
  const Tensor rows = Tensor::of<uint8_t>({2}, {255, 10});
  const Tensor columns = Tensor::of<int8_t>({2}, {-128, 2});
  expect_tensor(run_op1(op, {a, b, rows, columns}), {2, 2}, {-255 * 129, 0, 10 * 129, 0});
  EXPECT_EQ(error_of(op, {a, b, Tensor::of<uint8_t>({3}, {1, 2, 3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of(op, {noise({2, 2}), b}), Code::UNSUPPORTED_TYPE);
}

TEST(QLinearMatMul, RequantizesRoundingHalfToEvenAndSaturating) {
  const auto scalar = [](float value) { return Tensor::scalar(value); };
  const auto zero = [](uint8_t value) { return Tensor::scalar(value); };
  const Tensor a = Tensor::of<uint8_t>({1, 1}, {5});
  // (5 - 0) * (k - 0) * 1 * 0.5 = 2.5, 7.5, 637.5
  const Tensor b = Tensor::of<uint8_t>({1, 3}, {1, 3, 255});
  const Tensor y = run_op1({.op = "QLinearMatMul"},
                           {a, scalar(1), zero(0), b, scalar(0.5f), zero(0), scalar(1), zero(0)});
  expect_tensor(y, {1, 3}, {2, 8, 255});
}

TEST(FusedMatMul, SwapsTheLastTwoAxes) {
  const Tensor a = floats({1, 3, 2}, {1, 4, 2, 5, 3, 6});
  const Tensor b = floats({2, 3}, {1, 0, 1, 0, 1, 1});
  const OpCase op{.op = "FusedMatMul",
                  .attributes = {{"transA", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 2.0f}},
                  .domain = "com.microsoft"};
  expect_tensor(run_op1(op, {a, b}), {1, 2, 2}, {8, 10, 20, 22});
}

TEST(MatMulNBits, UnpacksLowNibblesFirst) {
  // N = 1, K = 16, one block: weights q = 0..15, zero point 8, scale 0.5.
  std::vector<uint8_t> packed;
  for (uint8_t i = 0; i < 8; ++i) packed.push_back(static_cast<uint8_t>(2 * i | (2 * i + 1) << 4));
  const Tensor q = Tensor::of<uint8_t>({1, 1, 8}, std::span<const uint8_t>(packed));
  Tensor a = Tensor::zeros(DType::f32, {2, 16});
  a.mutable_data<float>()[0] = 1;        // picks q = 0
  a.mutable_data<float>()[16 + 15] = 1;  // picks q = 15
  const OpCase op{.op = "MatMulNBits",
                  .attributes = {{"K", int64_t{16}},
                                 {"N", int64_t{1}},
                                 {"bits", int64_t{4}},
                                 {"block_size", int64_t{16}}},
                  .domain = "com.microsoft"};
  expect_tensor(run_op1(op, {a, q, floats({1}, {0.5f})}), {2, 1}, {-4, 3.5f});
  const Tensor zero_points = Tensor::of<uint8_t>({1}, {0x03});
  expect_tensor(run_op1(op, {a, q, floats({1}, {0.5f}), zero_points}), {2, 1}, {-1.5f, 6});
}

}  // namespace
}  // namespace whittle::test
