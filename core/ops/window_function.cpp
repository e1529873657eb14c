// HannWindow, HammingWindow, BlackmanWindow: sums of cosines over a window.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

struct Coefficients {
  std::string_view name;
  double a0, a1, a2;
};

constexpr Coefficients kWindows[] = {
    {"HannWindow", 0.5, 0.5, 0.0},
    {"HammingWindow", 25.0 / 46.0, 21.0 / 46.0, 0.0},
    {"BlackmanWindow", 0.42, 0.5, 0.08},
};

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  const auto size = context.integers(0);
  Dims dims = unknown_dims(1);
  if (size && size->size() == 1 && size->front() >= 0) dims[0] = size->front();
  context.set_output(0, dtype_attribute(context.node(), "output_datatype", DType::f32), dims);
}

// y[n] = a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), N = size, or size - 1 when not periodic
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const int64_t size = require_integer(node, context.input(0));
  constexpr int64_t kMost = 1 << 28;
  if (size < 0 || size > kMost) {
    fail(Code::INVALID_DATA, node.label(), "Expected a size from 0 to ", kMost, " for ",
         node.label(), " but received ", size);
  }
  const Coefficients* window = kWindows;
  while (window->name != node.op) ++window;
  const int64_t period = node.int_attribute("periodic", 1) != 0 ? size : size - 1;
  const double turn = 2 * std::numbers::pi / static_cast<double>(std::max<int64_t>(1, period));
  Tensor values = Tensor::allocate(DType::f64, {size});
  for (int64_t n = 0; n < size; ++n) {
    const double angle = turn * static_cast<double>(n);
    values.mutable_data<double>()[static_cast<size_t>(n)] =
        window->a0 - window->a1 * std::cos(angle) + window->a2 * std::cos(2 * angle);
  }
  convert_into(values,
               context.output(0, dtype_attribute(node, "output_datatype", DType::f32), {size}));
}

}  // namespace

void register_window_function(OpTable& table) {
  for (const Coefficients& window : kWindows) {
    table.add({.name = window.name, .infer = infer, .evaluate = evaluate});
  }
}

}  // namespace whittle
