#include <gtest/gtest.h>

#include <limits>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

TEST(QuantizeLinear, RoundsHalfToEvenAndSaturates) {
  const Tensor x =
      floats({9}, {0, 1, 3, 5, -1, -3, 600, -600, std::numeric_limits<float>::quiet_NaN()});
  const Tensor scale = Tensor::scalar(2.0f);
  const OpCase op{.op = "QuantizeLinear"};
  expect_tensor(run_op1(op, {x, scale, Tensor::scalar<uint8_t>(10)}), {9},
                {10, 10, 12, 12, 10, 8, 255, 0, 0});
  expect_tensor(run_op1(op, {x, scale, Tensor::scalar<int8_t>(-1)}), {9},
                {-1, -1, 1, 1, -1, -3, 127, -128, -128});
  expect_tensor(run_op1(op, {x, scale, Tensor::scalar<int16_t>(0)}), {9},
                {0, 0, 2, 2, 0, -2, 300, -300, -32768});
  EXPECT_EQ(run_op1(op, {x, scale}).dtype(), DType::u8);
  const OpCase four{.op = "QuantizeLinear",
                    .attributes = {{"output_dtype", static_cast<int64_t>(DType::i4)}}};
  const Tensor nibbles = run_op1(four, {x, scale});
  EXPECT_EQ(nibbles.dtype(), DType::i4);
  expect_tensor(nibbles, {9}, {0, 0, 2, 2, 0, -2, 7, -8, -8});
}

TEST(QuantizeLinear, AlongAnAxisAndInBlocks) {
  const Tensor x = floats({2, 4}, {1, 2, 3, 4, 10, 20, 30, 40});
  const Tensor zero = Tensor::of<uint8_t>({2}, {0, 100});
  expect_tensor(run_op1({.op = "QuantizeLinear", .attributes = {{"axis", int64_t{0}}}},
                        {x, floats({2}, {1, 10}), zero}),
                {2, 4}, {1, 2, 3, 4, 101, 102, 103, 104});
  const OpCase blocked{.op = "QuantizeLinear",
                       .attributes = {{"axis", int64_t{1}}, {"block_size", int64_t{3}}}};
  expect_tensor(run_op1(blocked, {x, floats({2, 2}, {1, 2, 10, 20})}), {2, 4},
                {1, 2, 3, 2, 1, 2, 3, 2});
  EXPECT_EQ(error_of(blocked, {x, floats({2, 3}, {1, 1, 1, 1, 1, 1})}), Code::SHAPE_MISMATCH);
  const OpCase huge{.op = "QuantizeLinear", .attributes = {{"block_size", INT64_MAX}}};
  EXPECT_EQ(error_of(huge, {x, floats({2, 1}, {1, 1})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "QuantizeLinear"}, {x, floats({2}, {1, 1})}), Code::SHAPE_MISMATCH);
}

TEST(DequantizeLinear, UndoesQuantizationWithinHalfAStep) {
  const Tensor x = noise({3, 5});
  const Tensor scale = floats({3}, {0.01f, 0.02f, 0.015f});
  const Tensor zero = Tensor::of<int8_t>({3}, {0, 3, -7});
  const Attributes axis = {{"axis", int64_t{0}}};
  const Tensor q = run_op1({.op = "QuantizeLinear", .attributes = axis}, {x, scale, zero});
  const Tensor back = run_op1({.op = "DequantizeLinear", .attributes = axis}, {q, scale, zero});
  const Close half_a_step{0.0101f, 0};
  expect_same(back, x, half_a_step);
}

TEST(DequantizeLinear, Int32IsExactInItsDifference) {
  const Tensor q = Tensor::of<int32_t>({2}, {16777217, -5});
  expect_tensor(run_op1({.op = "DequantizeLinear"},
                        {q, Tensor::scalar(1.0f), Tensor::scalar<int32_t>(16777216)}),
                {2}, {1, -16777220});  // the nearest float
}

TEST(DequantizeLinear, FourBitsInBlocks) {
  Tensor q = Tensor::zeros(DType::u4, {4, 1});
  q.mutable_raw()[0] = std::byte{0x21};  // 1, 2
  q.mutable_raw()[1] = std::byte{0xf8};  // 8, 15
  const OpCase op{.op = "DequantizeLinear",
                  .attributes = {{"axis", int64_t{0}}, {"block_size", int64_t{2}}}};
  expect_tensor(run_op1(op, {q, floats({2, 1}, {1, 0.5f})}), {4, 1}, {1, 2, 4, 7.5f});
}

TEST(DynamicQuantizeLinear, CoversTheRangeAndZero) {
  const OpCase op{.op = "DynamicQuantizeLinear", .outputs = 3};
  const auto whole = run_op(op, {floats({3}, {-1, 0, 4.1f})});
  expect_tensor(whole[1], {}, {5.1f / 255}, kFewUlps);
  expect_tensor(whole[2], {}, {50});
  expect_tensor(whole[0], {3}, {0, 50, 255});
  const auto positive = run_op(op, {floats({2}, {2, 5.1f})});
  expect_tensor(positive[2], {}, {0});
  expect_tensor(positive[0], {2}, {100, 255});
  const auto zeros = run_op(op, {floats({2}, {0, 0})});
  expect_tensor(zeros[1], {}, {1});
  expect_tensor(zeros[0], {2}, {0, 0});
}

TEST(ConvInteger, PadsWithTheZeroPoint) {
  const Tensor x = Tensor::of<uint8_t>({1, 1, 1, 2}, {3, 5});
  const Tensor w = Tensor::of<uint8_t>({2, 1, 1, 2}, {1, 2, 10, 10});
  const OpCase op{.op = "ConvInteger", .attributes = {{"pads", std::vector<int64_t>{0, 1, 0, 0}}}};
  const Tensor x_zero = Tensor::scalar<uint8_t>(1);
  expect_tensor(run_op1(op, {x, w, x_zero}), {1, 2, 1, 2}, {4, 10, 20, 60});
  const Tensor w_zero = Tensor::of<uint8_t>({2}, {0, 10});
  expect_tensor(run_op1(op, {x, w, x_zero, w_zero}), {1, 2, 1, 2}, {4, 10, 0, 0});
}

TEST(QLinearConv, PerChannelScalesAndBias) {
  const Tensor x = Tensor::of<uint8_t>({1, 1, 1, 2}, {130, 126});
  const Tensor w = Tensor::of<int8_t>({2, 1, 1, 1}, {10, -10});
  // sums: (2, -2) * 10 + 3, (2, -2) * -10; scales 0.5 * (1, 2) / 2
  const Tensor y =
      run_op1({.op = "QLinearConv"},
              {x, Tensor::scalar(0.5f), Tensor::scalar<uint8_t>(128), w, floats({2}, {1, 2}),
               Tensor::of<int8_t>({2}, {0, 0}), Tensor::scalar(2.0f), Tensor::scalar<uint8_t>(100),
               Tensor::of<int32_t>({2}, {3, 0})});
  expect_tensor(y, {1, 2, 1, 2}, {106, 96, 90, 110});
}

TEST(QLinearElementwise, AddsOnTheScaleOfEach) {
  const auto scale = [](float value) { return Tensor::scalar(value); };
  const auto zero = [](uint8_t value) { return Tensor::scalar(value); };
  const Tensor a = Tensor::of<uint8_t>({2, 2}, {10, 20, 30, 255});
  const Tensor b = Tensor::of<uint8_t>({2}, {0, 4});
  const OpCase add{.op = "QLinearAdd", .domain = "com.microsoft"};
  expect_tensor(run_op1(add, {a, scale(1), zero(10), b, scale(0.5f), zero(2), scale(1), zero(5)}),
                {2, 2}, {4, 16, 24, 251});
  const OpCase mul{.op = "QLinearMul", .domain = "com.microsoft"};
  expect_tensor(run_op1(mul, {a, scale(1), zero(10), b, scale(0.5f), zero(2), scale(1), zero(100)}),
                {2, 2}, {100, 110, 80, 255});
  const OpCase leaky{
      .op = "QLinearLeakyRelu", .attributes = {{"alpha", 0.5f}}, .domain = "com.microsoft"};
  expect_tensor(run_op1(leaky, {a, scale(1), zero(20), scale(1), zero(20)}), {2, 2},
                {15, 20, 30, 255});
}

TEST(QLinearPool, AveragesPlainAndChannelsLast) {
  const Tensor x = Tensor::of<uint8_t>({1, 2, 1, 2}, {10, 20, 100, 103});
  const std::vector<Tensor> quant = {Tensor::scalar(1.0f), Tensor::scalar<uint8_t>(0),
                                     Tensor::scalar(1.0f), Tensor::scalar<uint8_t>(0)};
  const auto with = [&](const Tensor& tensor) {
    std::vector<Tensor> inputs{tensor};
    inputs.insert(inputs.end(), quant.begin(), quant.end());
    return inputs;
  };
  expect_tensor(run_op1({.op = "QLinearGlobalAveragePool", .domain = "com.microsoft"}, with(x)),
                {1, 2, 1, 1}, {15, 102});
  const Tensor last = Tensor::of<uint8_t>({1, 1, 2, 2}, {10, 100, 20, 103});
  expect_tensor(run_op1({.op = "QLinearAveragePool",
                         .attributes = {{"kernel_shape", std::vector<int64_t>{1, 2}},
                                        {"channels_last", int64_t{1}}},
                         .domain = "com.microsoft"},
                        with(last)),
                {1, 1, 1, 2}, {15, 102});
}

TEST(QLinearConcat, BringsPartsToOneScale) {
  const Tensor a = Tensor::of<uint8_t>({1, 2}, {1, 2});
  const Tensor b = Tensor::of<uint8_t>({1, 1}, {10});
  expect_tensor(
      run_op1(
          {.op = "QLinearConcat", .attributes = {{"axis", int64_t{1}}}, .domain = "com.microsoft"},
          {Tensor::scalar(0.5f), Tensor::scalar<uint8_t>(1), a, Tensor::scalar(1.0f),
           Tensor::scalar<uint8_t>(0), b, Tensor::scalar(0.5f), Tensor::scalar<uint8_t>(8)}),
      {1, 3}, {3, 5, 3});
}

TEST(DynamicQuantizeMatMul, EqualsQuantizingFirst) {
  const Tensor a = noise({3, 8});
  const Tensor b =
      Tensor::of<int8_t>({8, 2}, {1, -2, 3, 4, -5, 6, 7, 8, 9, -10, 11, 12, 13, -14, 15, 127});
  const auto q = run_op({.op = "DynamicQuantizeLinear", .outputs = 3}, {a});
  const Tensor scales = floats({2}, {0.5f, 0.25f});
  const Tensor expected = run_op1({.op = "MatMulIntegerToFloat", .domain = "com.microsoft"},
                                  {q[0], b, q[1], scales, q[2], Tensor{}, floats({2}, {1, 2})});
  const Tensor fused = run_op1({.op = "DynamicQuantizeMatMul", .domain = "com.microsoft"},
                               {a, b, scales, Tensor{}, floats({2}, {1, 2})});
  expect_same(fused, expected, kFewUlps);
}

}  // namespace
}  // namespace whittle::test
