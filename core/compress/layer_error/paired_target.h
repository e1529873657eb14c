#pragma once

#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/compress/layer_error/hessian.h"
#include "core/runtime/job.h"

namespace whittle {

/**
 * What rounding behind earlier layers that are rounded already aims at. Each row of `pairs` is the
 * input x of a layer there, and behind it the input X it has in the float model. The output error
 * sum (w X - v x)^2 of a weight v is, but for a constant, (t - v)^T H (t - v) with H = sum of
 * x x^T and t = H^-1 (sum of x X^T) w (Li et al. 2025, "GPTAQ: Efficient Finetuning-Free
 * Quantization for Asymmetric Calibration"). Fills `hessian`, which is new, with H and `target`
 * with t, in the layout of the weight; `damping` times the mean of H's diagonal holds t near w.
 */
Job paired_target(const CancelFlag& cancel, Products& products, std::span<const float> weight,
                  const LayerMatrix& matrix, const RowReservoir& pairs, float damping,
                  Hessian& hessian, std::vector<float>& target);

}  // namespace whittle
