#include "core/compress/layer_error/paired_target.h"

#include <algorithm>
#include <numeric>

#include "core/linalg/inverse_cholesky.h"

namespace whittle {
namespace {

/** Operations of one step of the job: some 20 ms. */
constexpr int64_t kStepWork = 60'000'000;

/** Some outputs of one group of a layer; all matrices row-major. */
class TargetPiece {
 public:
  /** `count` outputs from `first` on, which is counted over all groups. */
  TargetPiece(std::span<const float> weight, const LayerMatrix& matrix, int64_t group,
              int64_t first, int64_t count)
      : matrix_(matrix),
        group_(group),
        first_(first),
        outputs_(static_cast<size_t>(count)),
        inputs_(static_cast<size_t>(matrix.inputs)),
        weight_(outputs_ * inputs_),
        moments_(outputs_ * inputs_) {
    for (int64_t m = 0; m < count; ++m) {
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        weight_[static_cast<size_t>(m * matrix.inputs + k)] = weight[matrix.at(first + m, k)];
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
    for (int64_t m = 0; m < static_cast<int64_t>(outputs_); ++m) {
      for (int64_t k = 0; k < matrix_.inputs; ++k) {
        target[matrix_.at(first_ + m, k)] = moments_[static_cast<size_t>(m * matrix_.inputs + k)];
      }
    }
  }

 private:
  const LayerMatrix& matrix_;
  int64_t group_;
  int64_t first_;
  size_t outputs_;
  size_t inputs_;
  std::vector<float> weight_;   // [outputs, inputs]
  std::vector<float> moments_;  // [outputs, inputs]
};

}  // namespace

Job paired_target(const CancelFlag& cancel, Products& products, std::span<const float> weight,
                  const LayerMatrix& matrix, const RowReservoir& pairs, float damping,
                  Hessian& hessian, std::vector<float>& target) {
  constexpr int64_t kRowsPerStep = 128;  // a batch of the Hessian
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
  const int64_t of_output = matrix.inputs * (2 * pairs.rows() + 2 * matrix.inputs);
  const int64_t piece = std::clamp<int64_t>(kStepWork / of_output, 16, 256);
  int64_t work = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    InverseCholesky inverse(hessian.damped(g, order, damping), static_cast<int>(matrix.inputs));
    while (inverse.advance()) {
      work += 32 * matrix.inputs * matrix.inputs;
      if (work < kStepWork) continue;
      work = 0;
      cancel.poll();
      co_await report_progress("gptq", "", g * matrix.outputs, matrix.groups * matrix.outputs);
    }
    for (int64_t m = 0; m < matrix.outputs; m += piece) {
      const int64_t count = std::min(piece, matrix.outputs - m);
      TargetPiece part(weight, matrix, g, g * matrix.outputs + m, count);
      part.multiply_rows(pairs, products);
      part.solve(inverse.upper(), hessian.addend(g, damping), products, target);
      work += count * of_output;
      if (work < kStepWork) continue;
      work = 0;
      cancel.poll();
      co_await report_progress("gptq", "", g * matrix.outputs + m, matrix.groups * matrix.outputs);
    }
  }
}

}  // namespace whittle
