#pragma once

#include <limits>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/product.h"
#include "core/compress/quantize/support/quantized_weight.h"
#include "core/runtime/job.h"

namespace whittle {

/** The activation behind a layer as far as its reconstruction knows it: y = clamp(x, low, high). */
struct ClampActivation {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  float operator()(float x) const { return x < low ? low : x > high ? high : x; }
  bool passes(float x) const { return x > low && x < high; }
};

/**
 * What a layer is to reconstruct. Each row of `rows` holds the input of the layer, and with
 * `paired` behind it the input it has in the float model: then the output to reconstruct is the
 * float model's, from inputs that earlier rounding has changed.
 */
struct Reconstruction {
  const Tensor& weight;
  const LayerMatrix& matrix;
  const WeightGrid& grid;
  const RowReservoir& rows;
  bool paired = false;
  std::span<const float> bias = {};  // of every output, or empty
  ClampActivation activation = {};
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

/** Sum over rows and outputs of the squared error of codes against the float layer, and of its
 * squared output. */
struct OutputError {
  double noise = 0;
  double signal = 0;
};
OutputError output_error(Products& products, const Reconstruction& layer,
                         std::span<const int8_t> codes);

}  // namespace whittle
