#pragma once

#include <vector>

#include "core/base/progress.h"
#include "core/compress/layer_error/output_error.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/runtime/job.h"

namespace whittle {

/** A layer to reconstruct: its weight, the grid, and what its output is looked at on. */
struct Reconstruction {
  const Tensor& weight;
  const WeightGrid& grid;
  OutputRows on;
};

struct AdaRoundOptions {
  int64_t iterations = 1000;
  uint64_t seed = 0;
};

/**
 * AdaRound (Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization"):
 * learns for every weight whether it goes up or down, by a rectified sigmoid of one variable each,
 * so that the output of the layer is reconstructed on minibatches of the rows; a regulariser whose
 * exponent falls from 20 to 2 drives each to one side. The reconstruction error is counted in units
 * of what rounding to nearest leaves in the same output, so that no layer needs settings of its
 * own. `codes` has the layout of the weight.
 */
Job adaround(const CancelFlag& cancel, const KernelTable& kernels, ThreadPool& pool,
             const Reconstruction& layer, const AdaRoundOptions& options,
             std::vector<int8_t>& codes);

}  // namespace whittle
