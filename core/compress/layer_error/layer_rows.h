#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/graph/graph.h"
#include "core/ops/support/conv_geometry.h"

namespace whittle {

/**
 * A layer seen as products of matrices, one a group: y = W x with W [outputs, inputs], whatever the
 * layout of the weight.
 */
struct LayerMatrix {
  int64_t groups = 1;
  int64_t outputs = 0;  // of one group
  int64_t inputs = 0;   // of one group: what the layer sums over
  int64_t output_stride = 0;
  int64_t input_stride = 0;

  /** The element of the weight for output `m` of all groups and input `k` of its group. */
  size_t at(int64_t m, int64_t k) const {
    return static_cast<size_t>(m * output_stride + k * input_stride);
  }
  int64_t row_size() const { return groups * inputs; }
  bool operator==(const LayerMatrix&) const = default;
};

/**
 * Takes the vectors x that a Conv (im2col), Gemm or MatMul multiplies its weight with out of its
 * input, the parts of every group one after the other.
 */
class LayerRows {
 public:
  /** Why a node cannot be read, or "". `weight_input` says which of its inputs is the weight. */
  static std::string why_not(const Node& node, size_t weight_input, const Shape& weight);
  LayerRows(const Node& node, size_t weight_input, const Shape& weight);

  const LayerMatrix& matrix() const { return matrix_; }
  bool is_convolution() const { return node_.is("Conv"); }
  /** The input that is no weight. */
  ValueId input() const { return node_.input(1 - weight_input_); }

  /** Prepares for an input; returns how many rows it holds. */
  int64_t open(const Tensor& x);
  /** Row `index` of the opened input, matrix().row_size() values. */
  void read(int64_t index, std::span<float> row) const;

 private:
  Node node_;
  size_t weight_input_;
  Shape weight_;
  LayerMatrix matrix_;
  const Tensor* x_ = nullptr;
  ConvGeometry geometry_;  // of a Conv
};

/** At most `most` of `count` positions, spread evenly with a random place in each share. */
std::vector<int64_t> spread_positions(int64_t count, int64_t most, Random& random);

/** A fixed number of rows out of a stream of any length, each with the same chance (Vitter's
 * algorithm R). */
class RowReservoir {
 public:
  RowReservoir(int64_t capacity, int64_t row_size, uint64_t seed);

  /** Where to write the next row of the stream, or an empty span: it is not wanted. */
  std::span<float> next();
  int64_t rows() const { return std::min(seen_, capacity_); }
  int64_t row_size() const { return row_size_; }
  std::span<const float> row(int64_t index) const {
    return std::span<const float>(values_).subspan(static_cast<size_t>(index * row_size_),
                                                   static_cast<size_t>(row_size_));
  }
  const float* data() const { return values_.data(); }

 private:
  int64_t capacity_;
  int64_t row_size_;
  int64_t seen_ = 0;
  Random random_;
  std::vector<float> values_;
};

}  // namespace whittle
