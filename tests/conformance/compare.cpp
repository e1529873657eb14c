#include "tests/conformance/compare.h"

#include <cmath>

#include "core/ops/support/convert.h"
#include "core/tensor/sequence.h"
#include "tests/support/tolerance.h"

namespace whittle::test {
namespace {

std::string at(int64_t index, const std::string& actual, const std::string& expected) {
  return concat("element ", index, " is ", actual, ", expected ", expected);
}

std::string sequence_difference(const Tensor& actual, const Tensor& expected) {
  const auto& a = as_sequence(actual, "the result").items;
  const auto& e = as_sequence(expected, "the expected result").items;
  if (a.size() != e.size()) return concat(a.size(), " tensors, expected ", e.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const std::string what = difference(a[i], e[i]);
    if (!what.empty()) return concat("tensor ", i, ": ", what);
  }
  return "";
}

}  // namespace

std::string difference(const Tensor& actual, const Tensor& expected) {
  if (!actual.defined()) return "no value";
  if (is_sequence(actual) && is_sequence(expected)) return sequence_difference(actual, expected);
  if (is_none(actual) && is_none(expected)) return "";
  if (actual.dtype() != expected.dtype()) {
    return concat("type ", dtype_name(actual.dtype()), ", expected ", dtype_name(expected.dtype()));
  }
  if (actual.shape() != expected.shape()) {
    return concat("shape ", to_string(actual.shape()), ", expected ", to_string(expected.shape()));
  }
  if (actual.dtype() == DType::string) {
    for (int64_t i = 0; i < actual.elements(); ++i) {
      const auto k = static_cast<size_t>(i);
      if (actual.strings()[k] != expected.strings()[k]) {
        return at(i, actual.strings()[k], expected.strings()[k]);
      }
    }
    return "";
  }
  if (is_integer(actual.dtype())) {
    for (int64_t i = 0; i < actual.elements(); ++i) {
      int64_t a = 0;
      int64_t e = 0;
      load_block(actual, i, 1, 1, &a);
      load_block(expected, i, 1, 1, &e);
      if (a != e) return at(i, std::to_string(a), std::to_string(e));
    }
    return "";
  }
  const bool is_narrow = actual.dtype() != DType::f32 && actual.dtype() != DType::f64;
  const Close& close = is_narrow ? kConformanceNarrow : kConformance;
  for (int64_t i = 0; i < actual.elements(); ++i) {
    double a = 0;
    double e = 0;
    load_block(actual, i, 1, 1, &a);
    load_block(expected, i, 1, 1, &e);
    if (!close(static_cast<float>(a), static_cast<float>(e))) {
      return at(i, std::to_string(a), std::to_string(e));
    }
  }
  return "";
}

}  // namespace whittle::test
