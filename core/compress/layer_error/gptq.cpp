#include "core/compress/layer_error/gptq.h"

#include <algorithm>
#include <numeric>

#include "core/linalg/inverse_cholesky.h"

namespace whittle {
namespace {

/** Operations after which a job takes a breath: some 20 ms. */
constexpr int64_t kStepWork = 60'000'000;

/** Inputs whose errors are passed on together; those inside a block at once, one by one. */
int64_t block_of(int64_t outputs, int64_t inputs) {
  return std::clamp<int64_t>(kStepWork / std::max<int64_t>(1, outputs * inputs), 16, 128);
}

std::vector<int64_t> order_of(std::span<const float> hessian, int64_t n, bool by_power) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (!by_power) return order;
  const auto power = [&](int64_t i) { return hessian[static_cast<size_t>(i * n + i)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return power(a) > power(b); });
  return order;
}

/** One group of a layer on its way through GPTQ. */
class GroupSolver {
 public:
  GroupSolver(std::span<const float> weight, const LayerMatrix& matrix, int64_t group,
              std::vector<int64_t> order, NearestValue nearest, std::vector<float>& rounded)
      : matrix_(matrix),
        first_(group * matrix.outputs),
        order_(std::move(order)),
        nearest_(nearest),
        rounded_(rounded),
        left_(static_cast<size_t>(matrix.outputs * matrix.inputs)) {
    for (int64_t m = 0; m < matrix.outputs; ++m) {
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        left_[static_cast<size_t>(m * matrix.inputs + k)] =
            weight[matrix.at(first_ + m, order_[static_cast<size_t>(k)])];
      }
    }
  }

  /** Rounds inputs [begin, end) of every output and passes the errors on to all behind them. */
  void round_block(int64_t begin, int64_t end, std::span<const float> upper, Products& products) {
    const int64_t width = end - begin;
    errors_.assign(static_cast<size_t>(matrix_.outputs * width), 0.0f);
    constexpr int64_t kOutputs = 8;
    products.pool().run((matrix_.outputs + kOutputs - 1) / kOutputs, [&](int64_t task, int) {
      const int64_t last = std::min(matrix_.outputs, (task + 1) * kOutputs);
      for (int64_t m = task * kOutputs; m < last; ++m) round_output(m, begin, end, upper);
    });
    const auto n = static_cast<size_t>(matrix_.inputs);
    if (end == matrix_.inputs) return;
    products.multiply({errors_.data(), static_cast<size_t>(width), 1},
                      {upper.data() + begin * matrix_.inputs + end, n, 1}, left_.data() + end, n,
                      static_cast<size_t>(matrix_.outputs), n - static_cast<size_t>(end),
                      static_cast<size_t>(width), true);
  }

 private:
  void round_output(int64_t m, int64_t begin, int64_t end, std::span<const float> upper) {
    const int64_t n = matrix_.inputs;
    float* left = left_.data() + m * n;
    float* errors = errors_.data() + m * (end - begin);
    for (int64_t k = begin; k < end; ++k) {
      const size_t at = matrix_.at(first_ + m, order_[static_cast<size_t>(k)]);
      rounded_[at] = nearest_(left[k], at);
      const float* row = upper.data() + k * n;
      const float error = (rounded_[at] - left[k]) / row[k];
      for (int64_t j = k + 1; j < end; ++j) left[j] += error * row[j];
      errors[k - begin] = error;
    }
  }

  const LayerMatrix& matrix_;
  int64_t first_;
  std::vector<int64_t> order_;
  NearestValue nearest_;
  std::vector<float>& rounded_;
  std::vector<float> left_;    // [outputs, inputs] in the order of treatment
  std::vector<float> errors_;  // [outputs, block]
};

}  // namespace

Job gptq(const CancelFlag& cancel, Products& products, std::span<const float> weight,
         const LayerMatrix& matrix, const Hessian& hessian, NearestValue nearest,
         const GptqOptions& options, std::vector<float>& rounded) {
  rounded.assign(weight.size(), 0.0f);
  const int64_t n = matrix.inputs;
  const int64_t block = block_of(matrix.outputs, n);
  int64_t work = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    std::vector<int64_t> order = order_of(hessian.of_group(g), n, options.act_order);
    InverseCholesky inverse(hessian.damped(g, order, options.damping), static_cast<int>(n));
    GroupSolver solver(weight, matrix, g, std::move(order), nearest, rounded);
    int64_t at = 0;
    bool factoring = true;
    while (factoring || at < n) {
      if (factoring) {
        factoring = inverse.advance();
        work += 32 * n * n;
      } else {
        solver.round_block(at, std::min(n, at + block), inverse.upper(), products);
        at += block;
        work += matrix.outputs * n * block;
      }
      if (work < kStepWork) continue;
      work = 0;
      cancel.poll();
      co_await report_progress("gptq", "", g * n + at, matrix.groups * n);
    }
  }
}

}  // namespace whittle
