#include "core/base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace whittle::test {
namespace {

/** The value of a binary16 by its definition (IEEE 754). */
double half_by_definition(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) {
    return mantissa ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  }
  return exponent == 0 ? sign * std::ldexp(mantissa, -24)
                       : sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Half, EveryHalfWidensExactlyAndComesBack) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const double expected = half_by_definition(half);
    const float actual = half_to_float(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(actual));
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(actual))));
    } else {
      ASSERT_EQ(actual, expected) << bits;
      ASSERT_EQ(float_to_half(actual), half) << bits;
    }
  }
}

TEST(Half, NarrowingRoundsToTheNearestEven) {
  // Between two neighbours the middle goes to the even one, anything off it to the nearer one.
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = half_to_float(static_cast<uint16_t>(bits));
    const float high = half_to_float(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(float_to_half(middle), bits + (bits & 1)) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, low)), bits) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, high)), bits + 1) << bits;
    ASSERT_EQ(float_to_half(-middle), 0x8000 + bits + (bits & 1)) << bits;
  }
}

TEST(Half, OverflowIsInfinity) {
  EXPECT_EQ(float_to_half(65504.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(1e30f), 0x7c00);
  EXPECT_EQ(float_to_half(-std::numeric_limits<float>::infinity()), 0xfc00);
}

TEST(BFloat16, RoundTripsAndRoundsToEven) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = bfloat16_to_float(static_cast<uint16_t>(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(float_to_bfloat16(value), bits);
    }
  }
  EXPECT_EQ(float_to_bfloat16(1.00390625f), 0x3f80);  // halfway above 1: to the even 1
  EXPECT_EQ(float_to_bfloat16(1.01171875f), 0x3f82);  // halfway above the odd neighbour: up
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::nanf("")))));
}

}  // namespace
}  // namespace whittle::test
