#include "core/compress/quantize/support/half/half.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/half.h"

namespace whittle {
namespace {

constexpr double kLeastSqnrDb = 40;
constexpr double kMostUnderflows = 0.01;
constexpr double kExactDb = 300;

/** The value, or the largest half of its sign. */
float clamped(float value) {
  return std::isfinite(value) ? std::clamp(value, -kLargestHalf, kLargestHalf) : value;
}

}  // namespace

void HalfLoss::add(std::span<const float> values) {
  for (const float value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    ++nonzero;
    largest = std::max<double>(largest, std::fabs(value));
    // What lies within half a step beyond the largest half is rounded down to it.
    if (std::isinf(half_to_float(float_to_half(value)))) ++overflows;
    const float back = half_to_float(float_to_half(clamped(value)));
    if (back == 0) ++underflows;
    const double error = static_cast<double>(back) - value;
    signal += static_cast<double>(value) * value;
    noise += error * error;
  }
}

double HalfLoss::sqnr_db() const {
  if (noise <= 0 || signal <= 0) return kExactDb;
  return 10 * std::log10(signal / noise);
}

std::string HalfLoss::obstacle(const std::string& what, double margin) const {
  if (overflows > 0 || largest * margin > kLargestHalf) {
    return concat(what, " reach ", largest, ", float16 ends at ", kLargestHalf);
  }
  if (static_cast<double>(underflows) > kMostUnderflows * static_cast<double>(nonzero)) {
    return concat(underflows, " of ", nonzero, " ", what, " would become zero in float16");
  }
  const double ratio = sqnr_db();
  if (ratio >= kLeastSqnrDb) return "";
  return concat(what, " would keep only ", std::round(ratio * 10) / 10, " dB in float16");
}

nlohmann::json HalfLoss::to_json() const {
  const double ratio = sqnr_db();
  return {{"largest", largest},
          {"overflows", overflows},
          {"underflows", underflows},
          {"sqnrDb", ratio >= kExactDb ? nlohmann::json(nullptr) : nlohmann::json(ratio)}};
}

HalfTensor to_half(const Tensor& tensor) {
  HalfTensor half;
  half.values = Tensor::allocate(DType::f16, tensor.shape());
  const std::span<const float> from = tensor.data<float>();
  half.loss.add(from);
  auto* to = reinterpret_cast<uint16_t*>(half.values.mutable_raw());
  for (size_t i = 0; i < from.size(); ++i) to[i] = float_to_half(clamped(from[i]));
  return half;
}

}  // namespace whittle
