#include "core/compress/layer_error/output_error.h"

#include <cmath>
#include <vector>

namespace whittle {

double OutputError::sqnr_db() const {
  if (noise <= 0 || signal <= 0) return 300;
  return 10 * std::log10(signal / noise);
}

OutputError output_error(Products& products, const OutputRows& on, std::span<const float> weight,
                         std::span<const float> rounded) {
  const LayerMatrix& matrix = on.matrix;
  const auto rows = static_cast<size_t>(on.rows.rows());
  const auto k = static_cast<size_t>(matrix.inputs);
  const auto n = static_cast<size_t>(matrix.outputs);
  const auto ld = static_cast<size_t>(on.rows.row_size());
  OutputError sum;
  std::vector<float> exact(k * n);
  std::vector<float> changed(k * n);
  std::vector<float> wanted(rows * n);
  std::vector<float> got(rows * n);
  for (int64_t g = 0; g < matrix.groups; ++g) {
    for (size_t i = 0; i < k; ++i) {
      for (size_t m = 0; m < n; ++m) {
        const size_t at =
            matrix.at(g * matrix.outputs + static_cast<int64_t>(m), static_cast<int64_t>(i));
        exact[i * n + m] = weight[at];
        changed[i * n + m] = rounded[at];
      }
    }
    const float* x = on.rows.data() + g * matrix.inputs;
    const float* y = on.paired ? x + matrix.row_size() : x;
    products.multiply({y, ld, 1}, {exact.data(), n, 1}, wanted.data(), n, rows, n, k);
    products.multiply({x, ld, 1}, {changed.data(), n, 1}, got.data(), n, rows, n, k);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const size_t m = static_cast<size_t>(g) * n + i % n;
      const float bias = on.bias.empty() ? 0.0f : on.bias[m];
      const double target = on.activation(wanted[i] + bias);
      const double error = on.activation(got[i] + bias) - target;
      const double counts = on.importance.empty() ? 1.0 : on.importance[m];
      sum.noise += counts * error * error;
      sum.signal += counts * target * target;
    }
  }
  return sum;
}

}  // namespace whittle
