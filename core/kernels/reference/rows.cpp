// Kernels that see a whole row: softmax and the normalisations. Sums run in double: these are the
// oracle.

#include <cmath>

#include "core/kernels/reference/reference.h"

namespace whittle::reference {
namespace {

// max of a row; NaN wins.
float row_max(const float* x, size_t n) {
  float max = -__builtin_inff();
  for (size_t i = 0; i < n; ++i) max = x[i] > max || std::isnan(x[i]) ? x[i] : max;
  return max;
}

// log is the natural logarithm of the softmax.
template <bool log>
void softmax(const RowsArgs& args, IndexRange rows) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* x = args.x + r * args.ldx;
    float* y = args.y + r * args.ldy;
    const float max = row_max(x, args.cols);
    double sum = 0.0;
    for (size_t i = 0; i < args.cols; ++i) sum += std::exp(static_cast<double>(x[i] - max));
    for (size_t i = 0; i < args.cols; ++i) {
      const double centred = static_cast<double>(x[i] - max);
      y[i] = static_cast<float>(log ? centred - std::log(sum) : std::exp(centred) / sum);
    }
  }
}

// y = (x - mean) / sqrt(var + eps) * gamma + beta, elements `stride` apart.
void normalise(const float* x, float* y, size_t n, size_t stride, float eps, const float* gamma,
               const float* beta, size_t parameter_stride) {
  double mean = 0.0;
  for (size_t i = 0; i < n; ++i) mean += x[i * stride];
  mean /= static_cast<double>(n);
  double variance = 0.0;
  for (size_t i = 0; i < n; ++i) {
    const double centred = x[i * stride] - mean;
    variance += centred * centred;
  }
  variance /= static_cast<double>(n);
  const double inverse = 1.0 / std::sqrt(variance + eps);
  for (size_t i = 0; i < n; ++i) {
    const double scale = gamma ? gamma[i * parameter_stride] : 1.0;
    const double shift = beta ? beta[i * parameter_stride] : 0.0;
    y[i * stride] = static_cast<float>((x[i * stride] - mean) * inverse * scale + shift);
  }
}

void layer_norm(const RowsArgs& args, IndexRange rows, const float* gamma, const float* beta,
                float eps) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    normalise(args.x + r * args.ldx, args.y + r * args.ldy, args.cols, 1, eps, gamma, beta, 1);
  }
}

void rms_norm(const RowsArgs& args, IndexRange rows, const float* gamma, float eps) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    const float* x = args.x + r * args.ldx;
    float* y = args.y + r * args.ldy;
    double sum = 0.0;
    for (size_t i = 0; i < args.cols; ++i) sum += static_cast<double>(x[i]) * x[i];
    const double inverse = 1.0 / std::sqrt(sum / static_cast<double>(args.cols) + eps);
    for (size_t i = 0; i < args.cols; ++i) {
      y[i] = static_cast<float>(x[i] * inverse * (gamma ? gamma[i] : 1.0f));
    }
  }
}

void instance_norm(const float* x, float* y, size_t pixels, size_t channels, IndexRange range,
                   const float* gamma, const float* beta, float eps) {
  for (size_t c = range.begin; c < range.end; ++c) {
    normalise(x + c, y + c, pixels, channels, eps, gamma ? gamma + c : nullptr,
              beta ? beta + c : nullptr, 0);
  }
}

}  // namespace

void fill_rows(KernelTable& table) {
  table.softmax = softmax<false>;
  table.log_softmax = softmax<true>;
  table.layer_norm = layer_norm;
  table.rms_norm = rms_norm;
  table.instance_norm = instance_norm;
}

}  // namespace whittle::reference
