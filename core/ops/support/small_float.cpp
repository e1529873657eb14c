#include "core/ops/support/small_float.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace whittle {
namespace {

struct Format {
  int bits;      // width of a code
  int mantissa;  // explicit mantissa bits
  int bias;
  uint8_t largest;   // code of the largest finite value
  uint8_t infinity;  // code of what lies above it: infinity, or NaN where there is none
  uint8_t nan;
  bool unsigned_zero;  // "uz": the code of -0 is the only NaN
};

Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f8e4m3fn:
      return {8, 3, 7, 0x7e, 0x7f, 0x7f, false};
    case DType::f8e4m3fnuz:
      return {8, 3, 8, 0x7f, 0x80, 0x80, true};
    case DType::f8e5m2:
      return {8, 2, 15, 0x7b, 0x7c, 0x7e, false};
    case DType::f8e5m2fnuz:
      return {8, 2, 16, 0x7f, 0x80, 0x80, true};
    case DType::f4e2m1:
      return {4, 1, 1, 0x7, 0x7, 0x8, false};  // no NaN: -0
    default:
      fail(Code::INTERNAL, "", "Expected an 8-bit or 4-bit float but received ", dtype_name(dtype));
  }
}

uint8_t to_power_of_two(float value, bool saturate) {
  constexpr uint8_t kNan = 0xff, kLargest = 0xfe;
  if (std::isnan(value)) return kNan;
  if (std::isinf(value)) return saturate ? kLargest : kNan;
  if (value == 0) return saturate ? 0 : kNan;
  int exponent = 0;
  const float significand = std::frexp(std::fabs(value), &exponent);
  if (significand == 0.5f) --exponent;  // exactly a power of two
  const int code = exponent + 127;
  if (!saturate && (code < 0 || code > kLargest)) return kNan;
  return static_cast<uint8_t>(std::clamp<int>(code, 0, kLargest));
}

}  // namespace

float small_float_to_float(uint8_t code, DType dtype) {
  if (dtype == DType::f8e8m0) return code == 0xff ? NAN : std::ldexp(1.0f, code - 127);
  const Format format = format_of(dtype);
  const int sign_bit = 1 << (format.bits - 1);
  const int magnitude = code & (sign_bit - 1);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  if (format.unsigned_zero && code == format.nan) return kNan;
  float value = 0;
  if (magnitude > format.largest) {
    const bool infinite = dtype == DType::f8e5m2 && magnitude == format.infinity;
    value = infinite ? std::numeric_limits<float>::infinity() : kNan;
  } else {
    const int exponent = magnitude >> format.mantissa;
    const int fraction = magnitude & ((1 << format.mantissa) - 1);
    const int significand = exponent == 0 ? fraction : fraction | (1 << format.mantissa);
    const int shift = (exponent == 0 ? 1 : exponent) - format.bias - format.mantissa;
    value = std::ldexp(static_cast<float>(significand), shift);
  }
  return (code & sign_bit) != 0 ? -value : value;
}

uint8_t float_to_small_float(float value, DType dtype, bool saturate) {
  if (dtype == DType::f8e8m0) return to_power_of_two(value, saturate);
  const Format format = format_of(dtype);
  if (std::isnan(value)) return format.nan;
  const int sign = std::signbit(value) ? 1 << (format.bits - 1) : 0;
  const float magnitude = std::fabs(value);
  const bool clamps = saturate || dtype == DType::f4e2m1;
  int code = format.largest + 1;
  if (!std::isinf(magnitude)) {
    // The step between neighbours is 2^(exponent - mantissa); below the normals it stays constant.
    int exponent = magnitude == 0 ? 1 - format.bias : std::ilogb(magnitude);
    exponent = std::max(exponent, 1 - format.bias);
    if (exponent + format.bias < (1 << (format.bits - 1 - format.mantissa))) {
      const int steps =
          static_cast<int>(std::nearbyint(std::ldexp(magnitude, format.mantissa - exponent)));
      // A normal's hidden bit is one unit of the exponent field, so rounding up carries by itself.
      code = steps + ((exponent + format.bias - 1) << format.mantissa);
    }
  }
  if (code > format.largest) {
    if (!clamps && format.unsigned_zero) return format.nan;
    code = clamps ? format.largest : format.infinity;
  }
  if (code == 0 && format.unsigned_zero) return 0;
  return static_cast<uint8_t>(sign | code);
}

}  // namespace whittle
