// MelWeightMatrix: triangular filters that take a spectrum to bins of the mel scale.
#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 5);
  const auto bins = context.integers(0);
  const auto length = context.integers(1);
  Dims dims = unknown_dims(2);
  if (length && length->size() == 1) dims[0] = length->front() / 2 + 1;
  if (bins && bins->size() == 1) dims[1] = bins->front();
  context.set_output(0, dtype_attribute(context.node(), "output_datatype", DType::f32), dims);
}

double real_input(const EvalContext& context, size_t i) {
  const Tensor& tensor = context.input(i);
  if (tensor.elements() != 1) require_integer(context.node(), tensor);
  double value = 0;
  load_block(tensor, 0, 1, 1, &value);
  return value;
}

// With edge frequencies evenly spaced on the mel scale, mel(f) = 2595 log10(1 + f / 700), and
// rounded down to bins e of the spectrum: column m rises from 0 at e[m] to 1 at e[m + 1] and falls
// to 0 at e[m + 2].
//   inputs: num_mel_bins, dft_length, sample_rate, lower and upper edge in hertz
//   y [dft_length / 2 + 1, num_mel_bins]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 5);
  const int64_t bins = require_integer(node, context.input(0));
  const int64_t length = require_integer(node, context.input(1));
  const double rate = real_input(context, 2);
  constexpr int64_t kMost = 1 << 20;
  if (bins < 1 || bins > kMost || length < 1 || length > kMost || !(rate > 0)) {
    fail(Code::INVALID_DATA, node.label(), "Expected positive sizes up to ", kMost,
         " and a sample rate for ", node.label(), " but received ", bins, ", ", length, " and ",
         rate);
  }
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double lowest = mel(real_input(context, 3));
  const double step = (mel(real_input(context, 4)) - lowest) / static_cast<double>(bins + 2);
  std::vector<int64_t> edges;
  const int64_t rows = length / 2 + 1;
  for (int64_t i = 0; i < bins + 2; ++i) {
    const double hertz =
        700 * (std::pow(10.0, (lowest + static_cast<double>(i) * step) / 2595) - 1);
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / rate);
    if (!(bin >= 0) || bin > static_cast<double>(rows)) {
      fail(Code::INVALID_DATA, node.label(), "Expected edges from 0 to half the sample rate for ",
           node.label(), " but received ", hertz, " at a rate of ", rate);
    }
    edges.push_back(static_cast<int64_t>(bin));
  }
  const Shape shape{rows, bins};
  Tensor y = Tensor::zeros(DType::f64, shape);
  const auto set = [&](int64_t row, int64_t column, double value) {
    if (row < rows) y.mutable_data<double>()[static_cast<size_t>(row * bins + column)] = value;
  };
  for (int64_t m = 0; m < bins; ++m) {
    const int64_t* edge = edges.data() + m;
    const auto rise = static_cast<double>(edge[1] - edge[0]);
    const auto fall = static_cast<double>(edge[2] - edge[1]);
    for (int64_t row = edge[0]; row < edge[1]; ++row) {
      set(row, m, static_cast<double>(row - edge[0]) / rise);
    }
    set(edge[1], m, 1);
    for (int64_t row = edge[1]; row < edge[2]; ++row) {
      set(row, m, static_cast<double>(edge[2] - row) / fall);
    }
  }
  convert_into(y, context.output(0, dtype_attribute(node, "output_datatype", DType::f32), shape));
}

}  // namespace

void register_mel_weight_matrix(OpTable& table) {
  table.add({.name = "MelWeightMatrix", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
