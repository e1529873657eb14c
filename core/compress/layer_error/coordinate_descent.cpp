#include "core/compress/layer_error/coordinate_descent.h"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace whittle {
namespace {

/** Operations after which a job takes a breath: some 20 ms. */
constexpr int64_t kStepWork = 60'000'000;

/** The outputs of one group with what is left of their weights. */
class GroupDescent {
 public:
  GroupDescent(std::span<const float> weight, const LayerMatrix& matrix, int64_t group,
               std::vector<float> hessian, NearestValue nearest, std::vector<float>& rounded)
      : weight_(weight),
        matrix_(matrix),
        first_(group * matrix.outputs),
        hessian_(std::move(hessian)),
        nearest_(nearest),
        rounded_(rounded) {}

  /** One sweep over outputs [begin, end); says whether anything changed. */
  bool sweep(int64_t begin, int64_t end, Products& products) {
    const auto n = static_cast<size_t>(matrix_.inputs);
    const auto count = static_cast<size_t>(end - begin);
    left_.resize(count * n);
    pull_.resize(count * n);
    for (int64_t m = begin; m < end; ++m) {
      for (int64_t k = 0; k < matrix_.inputs; ++k) {
        const size_t at = matrix_.at(first_ + m, k);
        left_[static_cast<size_t>((m - begin) * matrix_.inputs + k)] = weight_[at] - rounded_[at];
      }
    }
    products.multiply({left_.data(), n, 1}, {hessian_.data(), n, 1}, pull_.data(), n, count, n, n);
    std::atomic<bool> changed{false};
    products.pool().run(end - begin, [&](int64_t task, int) {
      if (sweep_output(begin + task, pull_.data() + task * matrix_.inputs)) {
        changed.store(true, std::memory_order_relaxed);
      }
    });
    return changed.load(std::memory_order_relaxed);
  }

 private:
  /** `pull` is H (w - rounded) of the output. */
  bool sweep_output(int64_t m, float* pull) {
    const int64_t n = matrix_.inputs;
    bool changed = false;
    for (int64_t k = 0; k < n; ++k) {
      const float* row = hessian_.data() + k * n;
      const size_t at = matrix_.at(first_ + m, k);
      const float value = nearest_(rounded_[at] + pull[k] / row[k], at);
      const float change = value - rounded_[at];
      // By how much the error would fall; rounding errors must not make two values take turns.
      if (change == 0 ||
          !(change * (2 * pull[k] - change * row[k]) > 1e-6f * change * change * row[k])) {
        continue;
      }
      rounded_[at] = value;
      for (int64_t j = 0; j < n; ++j) pull[j] -= change * row[j];
      changed = true;
    }
    return changed;
  }

  std::span<const float> weight_;
  const LayerMatrix& matrix_;
  int64_t first_;
  std::vector<float> hessian_;  // [inputs, inputs]
  NearestValue nearest_;
  std::vector<float>& rounded_;
  std::vector<float> left_;  // [outputs of a piece, inputs]: w - rounded
  std::vector<float> pull_;  // H of that
};

}  // namespace

Job descend_coordinates(const CancelFlag& cancel, Products& products, std::span<const float> weight,
                        const LayerMatrix& matrix, const Hessian& hessian, NearestValue nearest,
                        const DescentOptions& options, std::vector<float>& rounded) {
  const int64_t n = matrix.inputs;
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  const int64_t of_output = 3 * n * n;
  const int64_t piece = std::clamp<int64_t>(kStepWork / of_output, 1, matrix.outputs);
  int64_t work = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    GroupDescent group(weight, matrix, g, hessian.damped(g, order, options.damping), nearest,
                       rounded);
    bool changed = true;
    for (int sweep = 0; changed && sweep < options.sweeps; ++sweep) {
      changed = false;
      for (int64_t m = 0; m < matrix.outputs; m += piece) {
        const int64_t end = std::min(matrix.outputs, m + piece);
        if (group.sweep(m, end, products)) changed = true;
        work += (end - m) * of_output;
        if (work < kStepWork) continue;
        work = 0;
        cancel.poll();
        co_await report_progress("coordinate descent", "", g * matrix.outputs + m,
                                 matrix.groups * matrix.outputs);
      }
    }
  }
}

}  // namespace whittle
