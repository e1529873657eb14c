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

/** H in the order of treatment with damping; upper triangle. Without any power all inputs count the
 * same. */
std::vector<float> damped(std::span<const float> hessian, const std::vector<int64_t>& order,
                          float damping) {
  const auto n = static_cast<int64_t>(order.size());
  double power = 0;
  for (int64_t i = 0; i < n; ++i) power += hessian[static_cast<size_t>(i * n + i)];
  const float added =
      power > 0 ? static_cast<float>(damping * power / static_cast<double>(n)) : 1.0f;
  std::vector<float> result(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < n; ++j) {
      const auto [row, column] =
          std::minmax(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
      result[static_cast<size_t>(i * n + j)] = hessian[static_cast<size_t>(row * n + column)];
    }
    result[static_cast<size_t>(i * n + i)] += added;
  }
  return result;
}

/** One group of a layer on its way through GPTQ. */
class GroupSolver {
 public:
  GroupSolver(const Tensor& weight, const LayerMatrix& matrix, const WeightGrid& grid,
              int64_t group, std::vector<int64_t> order, std::vector<int8_t>& codes)
      : matrix_(matrix),
        grid_(grid),
        first_(group * matrix.outputs),
        order_(std::move(order)),
        codes_(codes),
        left_(static_cast<size_t>(matrix.outputs * matrix.inputs)) {
    const std::span<const float> w = weight.data<float>();
    for (int64_t m = 0; m < matrix.outputs; ++m) {
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        left_[static_cast<size_t>(m * matrix.inputs + k)] =
            w[matrix.at(first_ + m, order_[static_cast<size_t>(k)])];
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
      const size_t group = grid_.group_of(at);
      const int32_t code = grid_.nearest(left[k], group);
      codes_[at] = static_cast<int8_t>(code);
      const float* row = upper.data() + k * n;
      const float error = (grid_.value_of(code, group) - left[k]) / row[k];
      for (int64_t j = k + 1; j < end; ++j) left[j] += error * row[j];
      errors[k - begin] = error;
    }
  }

  const LayerMatrix& matrix_;
  const WeightGrid& grid_;
  int64_t first_;
  std::vector<int64_t> order_;
  std::vector<int8_t>& codes_;
  std::vector<float> left_;    // [outputs, inputs] in the order of treatment
  std::vector<float> errors_;  // [outputs, block]
};

}  // namespace

Hessian::Hessian(const LayerMatrix& matrix)
    : matrix_(matrix),
      sums_(static_cast<size_t>(matrix.groups * matrix.inputs * matrix.inputs), 0.0f),
      batch_(static_cast<size_t>(matrix.row_size() * kBatch)) {}

int64_t Hessian::bytes(const LayerMatrix& matrix) {
  return 4 * (matrix.groups * matrix.inputs * matrix.inputs + matrix.row_size() * kBatch);
}

void Hessian::add(std::span<const float> row, Products& products) {
  for (size_t i = 0; i < row.size(); ++i) {
    batch_[i * kBatch + static_cast<size_t>(filled_)] = row[i];
  }
  if (++filled_ == kBatch) flush(products);
}

void Hessian::flush(Products& products) {
  if (filled_ == 0) return;
  const int64_t n = matrix_.inputs;
  for (int64_t g = 0; g < matrix_.groups; ++g) {
    products.add_gram(batch_.data() + g * n * kBatch, static_cast<size_t>(kBatch),
                      sums_.data() + g * n * n, static_cast<size_t>(n),
                      static_cast<size_t>(filled_));
  }
  filled_ = 0;
}

std::span<const float> Hessian::of_group(int64_t group) const {
  const auto size = static_cast<size_t>(matrix_.inputs * matrix_.inputs);
  return std::span<const float>(sums_).subspan(static_cast<size_t>(group) * size, size);
}

Job gptq(const CancelFlag& cancel, Products& products, const Tensor& weight,
         const LayerMatrix& matrix, const WeightGrid& grid, const Hessian& hessian,
         const GptqOptions& options, std::vector<int8_t>& codes) {
  codes.assign(static_cast<size_t>(weight.elements()), 0);
  const int64_t n = matrix.inputs;
  const int64_t block = block_of(matrix.outputs, n);
  int64_t work = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    std::vector<int64_t> order = order_of(hessian.of_group(g), n, options.act_order);
    InverseCholesky inverse(damped(hessian.of_group(g), order, options.damping),
                            static_cast<int>(n));
    GroupSolver solver(weight, matrix, grid, g, std::move(order), codes);
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
