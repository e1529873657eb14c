#pragma once

#include <cmath>
#include <type_traits>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"

namespace whittle {

/** Calls lane(values, first) for each line along the axis: element j of the line is element
 * first + j * inner of x. uint64 arrives with its sign bit turned, so that it orders as int64. */
template <typename Value, typename Lane>
void for_each_lane(const Tensor& x, const AxisSplit& split, Lane lane) {
  std::vector<Value> values(static_cast<size_t>(split.axis));
  const bool flips = x.dtype() == DType::u64;
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t i = 0; i < split.inner; ++i) {
      const int64_t first = o * split.axis * split.inner + i;
      load_block(x, first, split.inner, split.axis, values.data());
      if constexpr (std::is_same_v<Value, int64_t>) {
        for (Value& value : values) value ^= flips ? INT64_MIN : 0;
      }
      lane(values, first);
    }
  }
}

/** Before in descending order; NaN counts as larger than every number. */
template <typename Value>
bool is_larger(Value a, Value b) {
  if constexpr (std::is_same_v<Value, double>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

}  // namespace whittle
