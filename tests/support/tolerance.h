#pragma once

// Every tolerance of the tests, named once. A comparison says which rule it uses and why; numbers
// are never typed at a call site.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace whittle::test {

// Distance of two floats in units in the last place; NaN equals NaN, anything else is far from it.
inline uint64_t ulp_distance(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) {
    return std::isnan(a) && std::isnan(b) ? 0 : std::numeric_limits<uint64_t>::max();
  }
  const auto ordered = [](float v) {
    int32_t bits = 0;
    std::memcpy(&bits, &v, sizeof(bits));
    return bits < 0 ? static_cast<int64_t>(std::numeric_limits<int32_t>::min()) - bits
                    : static_cast<int64_t>(bits);
  };
  const int64_t distance = ordered(a) - ordered(b);
  return static_cast<uint64_t>(distance < 0 ? -distance : distance);
}

// Same value, with NaN equal to NaN and both zeros equal: integer kernels, copies, and float
// kernels that do one rounding.
struct Exact {
  bool operator()(float actual, float expected) const {
    return ulp_distance(actual, expected) == 0 || actual == expected;
  }
};

// Within `ulps` units in the last place: short fixed formulas with a few roundings.
struct Ulp {
  uint64_t ulps;
  bool operator()(float actual, float expected) const {
    return actual == expected || ulp_distance(actual, expected) <= ulps;
  }
};

// |actual - expected| <= absolute + relative * |expected|: approximations of stated error.
struct Close {
  float absolute;
  float relative;
  bool operator()(float actual, float expected) const {
    if (std::isnan(expected)) return std::isnan(actual);
    if (std::isinf(expected)) return actual == expected;
    return std::fabs(actual - expected) <= absolute + relative * std::fabs(expected);
  }
};

// Bound on the error of a sum of `terms` products, each at most `magnitude`: two summation orders
// and roundings differ by no more than terms * eps * (sum of magnitudes).
struct DotBound {
  size_t terms;
  float magnitude;
  bool operator()(float actual, float expected) const {
    if (std::isnan(expected)) return std::isnan(actual);
    if (std::isinf(expected)) return actual == expected;
    const float count = static_cast<float>(terms + 2);
    const float bound =
        2.0f * std::numeric_limits<float>::epsilon() * std::sqrt(count) * count * magnitude;
    return std::fabs(actual - expected) <= bound;
  }
};

// The named values.
inline constexpr Exact kExact{};
inline constexpr Ulp kFewUlps{4};                      // fixed formulas, 2 to 4 roundings
inline constexpr Close kTranscendental{2e-6f, 2e-6f};  // polynomial exp, tanh, erf, sigmoid, log
inline constexpr Close kNormalised{2e-5f, 2e-5f};      // softmax, layer norm: sums, then a division
inline constexpr Close kConformance{1e-5f, 1e-3f};     // ONNX backend tests, f32 and f64
inline constexpr Close kConformanceNarrow{5e-3f, 5e-3f};  // the same, f16 and narrower
inline constexpr Close kRewritten{2e-5f, 2e-4f};          // one graph before and after its passes

// Expects predicate(actual[i], expected[i]) for all i; reports the first failure only.
template <typename Predicate>
void expect_all(const float* actual, const float* expected, size_t n, const Predicate& predicate) {
  for (size_t i = 0; i < n; ++i) {
    if (!predicate(actual[i], expected[i])) {
      ADD_FAILURE() << "at " << i << " of " << n << ": received " << actual[i] << ", expected "
                    << expected[i];
      return;
    }
  }
}

}  // namespace whittle::test
