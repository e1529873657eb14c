#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/json.h"
#include "core/tensor/tensor.h"

namespace whittle {

inline constexpr float kLargestHalf = 65504.0f;

/** What rounding values to binary16 does to them; sums over everything added. */
struct HalfLoss {
  double largest = 0;      // magnitude of the finite values
  int64_t overflows = 0;   // finite values that become infinite
  int64_t underflows = 0;  // nonzero values that become zero
  int64_t nonzero = 0;
  double signal = 0;
  double noise = 0;  // overflows cut to +-65504

  void add(std::span<const float> values);

  /** 300 when nothing is lost. */
  double sqnr_db() const;
  /**
   * Why the values should stay float32, or "". `margin`: how far beyond the largest value seen the
   * range has to reach. Rounding normal values loses at 66 dB or more; what is under 40 dB, or
   * turns more than 1 % of the values to zero, is mostly too small for binary16.
   */
  std::string obstacle(const std::string& what, double margin = 1) const;
  /** {largest, overflows, underflows, sqnrDb}; the last null when nothing is lost. */
  nlohmann::json to_json() const;
};

/** A float tensor in binary16, what is beyond its range cut to +-65504. */
struct HalfTensor {
  Tensor values;  // f16
  HalfLoss loss;
};
HalfTensor to_half(const Tensor& tensor);

}  // namespace whittle
