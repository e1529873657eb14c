#pragma once

#include <string>
#include <vector>

#include "core/kernels/pack.h"
#include "core/runtime/steps/support.h"

namespace whittle {

/** What every integer product step needs: operands, result, weights ready to pack. */
class IntegerProduct {
 public:
  IntegerProduct(const LoweredOp& op, PlanBuilder& plan);

  ValueId x = kNoValue;
  ValueId y = kNoValue;
  bool a_signed = false;
  size_t out_size = 1;  // bytes of one result
  size_t columns = 0;

  const Tensor& weights() const { return *w_; }
  bool weights_signed() const { return w_->dtype() == DType::i8; }
  /** Parameters of columns from `first` on. */
  QPackParams params(size_t first) const;
  /** Names content and form for the pack cache. */
  std::string key(const char* form) const { return concat(form, key_); }

  /** Zero point of x in this run. */
  int32_t zero_point(const RunState& state) const;
  QEpilogue epilogue(const RunState& state) const;
  /** The residual of a float result, or null. */
  const float* residual(const RunState& state) const {
    return residual_ == kNoValue ? nullptr : state.data<float>(residual_);
  }

 private:
  const Tensor* w_ = nullptr;
  std::vector<float> scale_;  // packed: see QOutput
  std::vector<int32_t> w_zero_point_;
  const int32_t* bias_ = nullptr;
  const float* fbias_ = nullptr;
  std::string key_;
  QEpilogue epilogue_;
  int32_t a_zero_point_ = 0;
  ValueId run_time_scale_ = kNoValue;
  ValueId run_time_zero_point_ = kNoValue;
  ValueId residual_ = kNoValue;
};

/** Adds the step y[m, n] = x[m, k] w[k, n]. */
void add_qgemm(const LoweredOp& op, size_t m, size_t k, size_t n, const WeightStrides& strides,
               PlanBuilder& plan);

}  // namespace whittle
