#include "core/compress/layer_error/paired_target.h"

#include <algorithm>
#include <numeric>

#include "core/linalg/inverse_cholesky.h"

namespace whittle {
namespace {

/** One group of a layer; all matrices row-major. */
class GroupTarget {
 public:
  GroupTarget(std::span<const float> weight, const LayerMatrix& matrix, int64_t group)
      : matrix_(matrix),
        group_(group),
        outputs_(static_cast<size_t>(matrix.outputs)),
        inputs_(static_cast<size_t>(matrix.inputs)),
        weight_(outputs_ * inputs_),
        moments_(outputs_ * inputs_) {
    for (int64_t m = 0; m < matrix.outputs; ++m) {
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        weight_[static_cast<size_t>(m * matrix.inputs + k)] =
            weight[matrix.at(group * matrix.outputs + m, k)];
      }
    }
  }

  /** moments_ = (sum of x X^T) w for every output. */
  void multiply_rows(const RowReservoir& pairs, Products& products) {
    const auto rows = static_cast<size_t>(pairs.rows());
    const auto ld = static_cast<size_t>(pairs.row_size());
    const float* changed = pairs.data() + group_ * matrix_.inputs;
    const float* exact = changed + matrix_.row_size();
    std::vector<float> outputs(outputs_ * rows);
    products.multiply({weight_.data(), inputs_, 1}, {exact, 1, ld}, outputs.data(), rows, outputs_,
                      rows, inputs_);
    products.multiply({outputs.data(), rows, 1}, {changed, ld, 1}, moments_.data(), inputs_,
                      outputs_, inputs_, rows);
  }

  /** target = (H + added)^-1 (moments + added w), (H + added)^-1 being U^T U. */
  void solve(std::span<const float> upper, float added, Products& products,
             std::vector<float>& target) {
    for (size_t i = 0; i < weight_.size(); ++i) moments_[i] += added * weight_[i];
    std::vector<float> half(weight_.size());
    products.multiply({moments_.data(), inputs_, 1}, {upper.data(), 1, inputs_}, half.data(),
                      inputs_, outputs_, inputs_, inputs_);
    products.multiply({half.data(), inputs_, 1}, {upper.data(), inputs_, 1}, moments_.data(),
                      inputs_, outputs_, inputs_, inputs_);
    for (int64_t m = 0; m < matrix_.outputs; ++m) {
      for (int64_t k = 0; k < matrix_.inputs; ++k) {
        target[matrix_.at(group_ * matrix_.outputs + m, k)] =
            moments_[static_cast<size_t>(m * matrix_.inputs + k)];
      }
    }
  }

 private:
  const LayerMatrix& matrix_;
  int64_t group_;
  size_t outputs_;
  size_t inputs_;
  std::vector<float> weight_;   // [outputs, inputs]
  std::vector<float> moments_;  // [outputs, inputs]
};

}  // namespace

Job paired_target(const CancelFlag& cancel, Products& products, std::span<const float> weight,
                  const LayerMatrix& matrix, const RowReservoir& pairs, float damping,
                  Hessian& hessian, std::vector<float>& target) {
  constexpr int64_t kRowsPerStep = 256;
  for (int64_t r = 0; r < pairs.rows(); ++r) {
    hessian.add(pairs.row(r).first(static_cast<size_t>(matrix.row_size())), products);
    if (r % kRowsPerStep != 0) continue;
    cancel.poll();
    co_await report_progress("gptq", "", r, pairs.rows());
  }
  hessian.flush(products);
  target.assign(weight.size(), 0.0f);
  std::vector<int64_t> order(static_cast<size_t>(matrix.inputs));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t g = 0; g < matrix.groups; ++g) {
    InverseCholesky inverse(hessian.damped(g, order, damping), static_cast<int>(matrix.inputs));
    while (inverse.advance()) {
      cancel.poll();
      co_await report_progress("gptq", "", g, matrix.groups);
    }
    GroupTarget group(weight, matrix, g);
    group.multiply_rows(pairs, products);
    cancel.poll();
    co_await report_progress("gptq", "", g, matrix.groups);
    group.solve(inverse.upper(), hessian.addend(g, damping), products, target);
  }
}

}  // namespace whittle
