#pragma once

#include <span>
#include <vector>

#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/product.h"

namespace whittle {

/** H = sum of x x^T over rows x of a layer's input, for each group; added up in batches. A change d
 * of the weights of one output costs d^T H d in squared output error. */
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
  /** `damping` times the mean of the diagonal; 1 where there is no power. */
  float addend(int64_t group, float damping) const;
  /** All of [inputs, inputs], the inputs in `order`, with the addend on the diagonal. */
  std::vector<float> damped(int64_t group, std::span<const int64_t> order, float damping) const;

 private:
  static constexpr int64_t kBatch = 128;

  LayerMatrix matrix_;
  std::vector<float> sums_;   // [groups, inputs, inputs]
  std::vector<float> batch_;  // [row_size, kBatch]: columns are rows of the layer's input
  int64_t filled_ = 0;
};

}  // namespace whittle
