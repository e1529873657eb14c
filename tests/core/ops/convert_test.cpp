#include "core/ops/support/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/ops/support/small_float.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Convert, SmallFloatsRoundTrip) {
  for (DType dtype : {DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz,
                      DType::f4e2m1, DType::f8e8m0}) {
    const int codes = 1 << dtype_bits(dtype);
    for (int code = 0; code < codes; ++code) {
      const float value = small_float_to_float(static_cast<uint8_t>(code), dtype);
      if (std::isnan(value)) continue;
      EXPECT_EQ(float_to_small_float(value, dtype, false), code) << dtype_name(dtype);
    }
  }
}

TEST(Convert, SmallFloatsKnownValues) {
  // The largest finite values of the OCP 8-bit formats and of their FNUZ variants.
  EXPECT_EQ(small_float_to_float(0x7e, DType::f8e4m3fn), 448);
  EXPECT_EQ(small_float_to_float(0x7f, DType::f8e4m3fnuz), 240);
  EXPECT_EQ(small_float_to_float(0x7b, DType::f8e5m2), 57344);
  EXPECT_EQ(small_float_to_float(0x7f, DType::f8e5m2fnuz), 57344);
  EXPECT_EQ(small_float_to_float(0x01, DType::f8e4m3fn), std::ldexp(1.0f, -9));
  EXPECT_EQ(float_to_small_float(1000, DType::f8e4m3fn, true), 0x7e);
  EXPECT_TRUE(std::isnan(
      small_float_to_float(float_to_small_float(1000, DType::f8e4m3fn, false), DType::f8e4m3fn)));
  EXPECT_EQ(
      small_float_to_float(float_to_small_float(kInfinity, DType::f8e5m2, false), DType::f8e5m2),
      kInfinity);
  // Half to even: 17 lies between 16 and 18, 19 between 18 and 20.
  EXPECT_EQ(small_float_to_float(float_to_small_float(17, DType::f8e4m3fn, true), DType::f8e4m3fn),
            16);
  EXPECT_EQ(small_float_to_float(float_to_small_float(19, DType::f8e4m3fn, true), DType::f8e4m3fn),
            20);
}

TEST(Convert, IntegersKeepEveryBit) {
  const int64_t large = (int64_t{1} << 62) + 1;
  const Tensor wide = Tensor::of<int64_t>({2}, {large, -large});
  const Tensor same = convert(convert(wide, DType::u64), DType::i64);
  EXPECT_EQ(same.data<int64_t>()[0], large);
  EXPECT_EQ(same.data<int64_t>()[1], -large);
  const Tensor narrow = convert(Tensor::of<int32_t>({3}, {300, -1, 128}), DType::u8);
  EXPECT_EQ(narrow.data<uint8_t>()[0], 44);
  EXPECT_EQ(narrow.data<uint8_t>()[1], 255);
  EXPECT_EQ(narrow.data<uint8_t>()[2], 128);
}

TEST(Convert, FloatsTruncateTowardsZero) {
  const Tensor reals = Tensor::of<float>({5}, {2.9f, -2.9f, 0.1f, kInfinity, NAN});
  const Tensor whole = convert(reals, DType::i32);
  EXPECT_EQ(whole.data<int32_t>()[0], 2);
  EXPECT_EQ(whole.data<int32_t>()[1], -2);
  const Tensor flags = convert(reals, DType::boolean);
  EXPECT_TRUE(flags.data<bool>()[2]);
}

TEST(Convert, FourBitsPackTwoToAByte) {
  const Tensor packed = convert(Tensor::of<int32_t>({3}, {-8, 7, -1}), DType::i4);
  EXPECT_EQ(packed.bytes(), 2);
  const Tensor back = convert(packed, DType::i8);
  EXPECT_EQ(back.data<int8_t>()[0], -8);
  EXPECT_EQ(back.data<int8_t>()[1], 7);
  EXPECT_EQ(back.data<int8_t>()[2], -1);
}

TEST(Convert, TextIsParsedAndPrintedShortest) {
  Tensor text = Tensor::allocate(DType::string, {3});
  text.mutable_strings() = {"0.1", "-INF", "1e3"};
  const Tensor numbers = convert(text, DType::f32);
  EXPECT_EQ(numbers.data<float>()[0], 0.1f);
  EXPECT_EQ(numbers.data<float>()[1], -kInfinity);
  EXPECT_EQ(convert(numbers, DType::string).strings()[0], "0.1");
  text.mutable_strings()[0] = "zero";
  EXPECT_THROW(convert(text, DType::f32), Error);
}

TEST(CopyView, TransposesEveryElementSize) {
  const Shape shape{3, 2};
  const View turned{0, {1, 3}};  // of a [2, 3] tensor
  for (DType dtype : {DType::u8, DType::f16, DType::f32, DType::i64, DType::i4, DType::string}) {
    const Tensor whole = Tensor::of<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
    const Tensor in = dtype == DType::f16 ? convert(whole, DType::f16) : convert(whole, dtype);
    Tensor out = Tensor::allocate(dtype, shape);
    copy_view(out, view_of(shape), in, turned, shape);
    const Tensor back = convert(convert(out, DType::f32), DType::i32);
    const std::vector<int32_t> values(back.data<int32_t>().begin(), back.data<int32_t>().end());
    EXPECT_EQ(values, (std::vector<int32_t>{1, 4, 2, 5, 3, 6})) << dtype_name(dtype);
  }
}

TEST(CollapseAxes, MergesWhatIsContiguousForAll) {
  Shape shape{2, 1, 3, 4};
  Shape strides[] = {{12, 12, 4, 1}, {0, 0, 4, 1}};
  collapse_axes(shape, strides);
  EXPECT_EQ(shape, (Shape{2, 12}));
  EXPECT_EQ(strides[0], (Shape{12, 1}));
  EXPECT_EQ(strides[1], (Shape{0, 1}));
}

}  // namespace
}  // namespace whittle
