#include "core/ops/support/float_io.h"

#include <algorithm>

#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"

namespace whittle {

Tensor float_input(const EvalContext& context, size_t i) {
  const Tensor& tensor = context.input(i);
  if (!tensor.defined()) {
    fail(Code::INVALID_GRAPH, context.node().label(), "Expected input ", i, " for ",
         context.node().label(), " but received none");
  }
  if (!is_float(tensor.dtype()) || tensor.dtype() == DType::f64) {
    fail_type(tensor.dtype(), context.node());
  }
  return convert(tensor, DType::f32);
}

std::vector<float> float_values(const EvalContext& context, size_t i) {
  if (!context.has_input(i)) return {};
  const Tensor tensor = float_input(context, i);
  const auto values = tensor.data<float>();
  return {values.begin(), values.end()};
}

void fill_with_bias(const EvalContext& context, size_t i, Tensor& y) {
  const auto out = y.mutable_data<float>();
  std::fill(out.begin(), out.end(), 0.0f);
  if (!context.has_input(i)) return;
  const std::vector<float> bias = float_values(context, i);
  const int64_t channels = y.shape()[1];
  require_elements(context, context.input(i), channels, "a bias");
  const int64_t pixels = y.shape().elements(2, y.shape().rank());
  for (int64_t row = 0; row < y.shape()[0] * channels; ++row) {
    std::fill_n(out.begin() + row * pixels, pixels, bias[static_cast<size_t>(row % channels)]);
  }
}

void require_elements(const EvalContext& context, const Tensor& tensor, int64_t count,
                      const char* what) {
  if (tensor.elements() == count) return;
  fail(Code::SHAPE_MISMATCH, context.node().label(), "Expected ", count, " elements of ", what,
       " for ", context.node().label(), " but received ", tensor.elements());
}

}  // namespace whittle
