#pragma once

#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/compress/layer_error/hessian.h"
#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/product.h"
#include "core/runtime/job.h"

namespace whittle {

/** The value nearest to `value` among those that element `at` of a weight may take. Called from
 * several threads at once. */
using NearestValue = FunctionRef<float(float value, size_t at)>;

struct GptqOptions {
  float damping = 0.01f;   // of the mean of H's diagonal, added to it
  bool act_order = false;  // inputs of the greatest power first
};

/**
 * GPTQ (Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
 * Transformers"): rounds a weight input by input, each time moving the weights that are still free
 * so that the output error of what was rounded is made up for, by the Cholesky factor of H^-1. What
 * values there are is up to `nearest`, which must outlive the job: integers times a scale, or a
 * codebook. `rounded` has the layout of the weight. Throws INVALID_DATA when H is not positive
 * definite even with damping.
 */
Job gptq(const CancelFlag& cancel, Products& products, std::span<const float> weight,
         const LayerMatrix& matrix, const Hessian& hessian, NearestValue nearest,
         const GptqOptions& options, std::vector<float>& rounded);

}  // namespace whittle
