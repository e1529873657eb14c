#pragma once

#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/product.h"
#include "core/compress/quantize/support/quantized_weight.h"
#include "core/runtime/job.h"

namespace whittle {

/** H = sum of x x^T over rows x of a layer's input, for each group; added up in batches. */
class Hessian {
 public:
  explicit Hessian(const LayerMatrix& matrix);
  /** Bytes it holds for such a layer. */
  static int64_t bytes(const LayerMatrix& matrix);

  /** Adds a row of matrix.row_size() values. */
  void add(std::span<const float> row, Products& products);
  void flush(Products& products);
  /** The upper triangle of [inputs, inputs], row-major, once flushed. */
  std::span<const float> of_group(int64_t group) const;

 private:
  static constexpr int64_t kBatch = 128;

  LayerMatrix matrix_;
  std::vector<float> sums_;   // [groups, inputs, inputs]
  std::vector<float> batch_;  // [row_size, kBatch]: columns are rows of the layer's input
  int64_t filled_ = 0;
};

struct GptqOptions {
  float damping = 0.01f;   // of the mean of H's diagonal, added to it
  bool act_order = false;  // inputs of the greatest power first
};

/**
 * GPTQ (Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
 * Transformers"): chooses the codes input by input, each time moving the weights that are still
 * free so that the output error of what was rounded is made up for, by the Cholesky factor of H^-1.
 * The grid stays as given. `codes` has the layout of the weight. Throws INVALID_DATA when H is not
 * positive definite even with damping.
 */
Job gptq(const CancelFlag& cancel, Products& products, const Tensor& weight,
         const LayerMatrix& matrix, const WeightGrid& grid, const Hessian& hessian,
         const GptqOptions& options, std::vector<int8_t>& codes);

}  // namespace whittle
