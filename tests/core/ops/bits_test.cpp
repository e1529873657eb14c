// BitCast, shifts, CumProd, 2-bit integers, Cast to powers of two, and reductions of nothing.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/ops/support/small_float.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

int64_t code(DType dtype) {
  return static_cast<int64_t>(dtype);
}

TEST(BitCast, KeepsBits) {
  const Tensor x = floats({2, 2}, {1.0f, -2.0f, 0.5f, -0.0f});
  const Tensor bits = run_op1({"BitCast", {{"to", code(DType::u32)}}}, {x});
  EXPECT_EQ(bits.data<uint32_t>()[0], 0x3f800000u);
  EXPECT_EQ(bits.data<uint32_t>()[1], 0xc0000000u);
  EXPECT_EQ(bits.data<uint32_t>()[3], 0x80000000u);
  expect_same(run_op1({"BitCast", {{"to", code(DType::f32)}}}, {bits}), x);
  const Tensor nibbles = Tensor::zeros(DType::i4, {3});
  EXPECT_EQ(run_op1({"BitCast", {{"to", code(DType::u4)}}}, {nibbles}).dtype(), DType::u4);
  EXPECT_EQ(error_of({"BitCast", {{"to", code(DType::f16)}}}, {x}), Code::TYPE_MISMATCH);
}

TEST(Packed, TwoBitsFourToAByte) {
  const Tensor x = floats({5}, {-2, -1, 0, 1, 1});
  const Tensor packed = run_op1({"Cast", {{"to", code(DType::i2)}}}, {x});
  ASSERT_EQ(packed.bytes(), 2);
  EXPECT_EQ(std::to_integer<int>(packed.raw()[0]), 0b01001110);
  EXPECT_EQ(std::to_integer<int>(packed.raw()[1]) & 3, 1);
  expect_tensor(run_op1({"Cast", {{"to", code(DType::f32)}}}, {packed}), {5}, {-2, -1, 0, 1, 1});
  const Tensor turned = run_op1({"Gather"}, {packed, int64s({4, 0, 3})});
  expect_tensor(turned, {3}, {1, -2, 1});
}

TEST(Packed, TwoBitsQuantized) {
  const Tensor scale = Tensor::scalar(0.5f);
  const Tensor zero_point = Tensor::zeros(DType::u2, {});
  const Tensor q = run_op1({"QuantizeLinear"}, {floats({4}, {-3, 0.4f, 1, 9}), scale, zero_point});
  EXPECT_EQ(q.dtype(), DType::u2);
  expect_tensor(q, {4}, {0, 1, 2, 3});
  expect_tensor(run_op1({"DequantizeLinear"}, {q, scale, zero_point}), {4}, {0, 0.5f, 1, 1.5f});
}

TEST(BitShift, SignedNumbersKeepTheirSign) {
  const Tensor x = Tensor::of<int8_t>({5}, {-16, -16, -1, 64, 127});
  const Tensor by = Tensor::of<int8_t>({5}, {2, 9, -1, 1, 8});
  expect_tensor(run_op1({"BitShift", {{"direction", std::string("RIGHT")}}}, {x, by}), {5},
                {-4, -1, -1, 32, 0});
  expect_tensor(run_op1({"BitShift", {{"direction", std::string("LEFT")}}}, {x, by}), {5},
                {-64, 0, 0, -128, 0});
}

TEST(Mod, FloatsTakeTheSignOfTheDivisor) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Tensor x = floats({5}, {-5.5f, 5.5f, -2, 2, 6});
  const Tensor y = floats({5}, {3, -3, kInfinity, -kInfinity, -3});
  expect_tensor(run_op1({"Mod"}, {x, y}), {5}, {0.5f, -0.5f, kInfinity, -kInfinity, -0.0f});
}

TEST(Reduce, OfNothingIsTheLimitOfTheType) {
  const auto run = [](const char* op, DType dtype) {
    return to_floats(run_op1({op}, {Tensor::zeros(dtype, {0})}), "")[0];
  };
  EXPECT_EQ(run("ReduceMax", DType::boolean), 0);
  EXPECT_EQ(run("ReduceMin", DType::boolean), 1);
  EXPECT_EQ(run("ReduceMax", DType::i8), -128);
  EXPECT_EQ(run("ReduceMin", DType::u8), 255);
  EXPECT_EQ(run("ReduceMax", DType::i32), -0x1p31f);
  EXPECT_EQ(run("ReduceSum", DType::i32), 0);
}

TEST(CumProd, BothWaysWithAndWithoutItself) {
  const Tensor x = floats({3}, {1, 2, 3});
  const Tensor axis = Tensor::scalar<int64_t>(0);
  const auto run = [&](int64_t exclusive, int64_t reverse) {
    return run_op1({"CumProd", {{"exclusive", exclusive}, {"reverse", reverse}}}, {x, axis});
  };
  expect_tensor(run(0, 0), {3}, {1, 2, 6});
  expect_tensor(run(1, 0), {3}, {1, 1, 2});
  expect_tensor(run(0, 1), {3}, {6, 6, 3});
  expect_tensor(run(1, 1), {3}, {6, 3, 1});
}

TEST(Cast, PowersOfTwoRoundThreeWays) {
  const Tensor x = floats({5}, {1.0f, 2.5f, 3.0f, 3.5f, 0.1875f});
  const auto run = [&](const char* mode) {
    const OpCase cast{"Cast", {{"to", code(DType::f8e8m0)}, {"round_mode", std::string(mode)}}};
    return run_op1({"Cast", {{"to", code(DType::f32)}}}, {run_op1(cast, {x})});
  };
  expect_tensor(run("up"), {5}, {1, 4, 4, 4, 0.25f});
  expect_tensor(run("down"), {5}, {1, 2, 2, 2, 0.125f});
  expect_tensor(run("nearest"), {5}, {1, 2, 4, 4, 0.25f});
}

TEST(Cast, PowersOfTwoOutOfRange) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto encode = [](float value, bool saturate) {
    return float_to_small_float(value, DType::f8e8m0, saturate);
  };
  EXPECT_EQ(encode(kInfinity, true), 0xfe);
  EXPECT_EQ(encode(kInfinity, false), 0xff);
  EXPECT_EQ(encode(std::ldexp(1.5f, 127), true), 0xfe);
  EXPECT_EQ(encode(std::ldexp(1.5f, 127), false), 0xff);
  EXPECT_EQ(encode(0.0f, true), 0);
  EXPECT_EQ(encode(0.0f, false), 0xff);
  EXPECT_EQ(encode(std::ldexp(1.0f, -130), true), 0);
  EXPECT_EQ(encode(NAN, true), 0xff);
  EXPECT_TRUE(std::isnan(small_float_to_float(0xff, DType::f8e8m0)));
  EXPECT_EQ(small_float_to_float(0, DType::f8e8m0), std::ldexp(1.0f, -127));
}

}  // namespace
}  // namespace whittle::test
