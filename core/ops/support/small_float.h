#pragma once

#include <cstdint>

#include "core/tensor/dtype.h"

namespace whittle {

/** An 8- or 4-bit float code (f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f4e2m1, f8e8m0) as
 * binary32, exact. */
float small_float_to_float(uint8_t code, DType dtype);
/** The nearest code, half to even. Past the largest finite value: that value if `saturate`, else
 * infinity or NaN as the format has it (f4e2m1 always saturates). f8e8m0, which has powers of two
 * only and no sign or zero, rounds up; 0 and what is too small become 2^-127 if `saturate`, else
 * NaN. */
uint8_t float_to_small_float(float value, DType dtype, bool saturate);

/** The floats of one byte. */
inline bool is_float8(DType dtype) {
  return (dtype >= DType::f8e4m3fn && dtype <= DType::f8e5m2fnuz) || dtype == DType::f8e8m0;
}

}  // namespace whittle
