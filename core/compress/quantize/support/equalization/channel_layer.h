#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/graph/traversal.h"

namespace whittle {

/**
 * A Conv, Gemm or MatMul with a constant weight of its own, seen as a matrix of blocks: output
 * channel o reads `row` input channels, the j-th of which is input_of(o, j), through `taps`
 * weights. A depthwise convolution has rows of one input channel.
 */
class ChannelLayer {
 public:
  /** Why `node` cannot be seen so, or "": the weight is computed, shared, empty or not float32, or
   * the bias is not one constant per channel. */
  static std::string obstacle(const Graph& graph, const GraphIndex& index, const Node& node);

  /** `node` has no obstacle. */
  ChannelLayer(const Graph& graph, const Node& node);

  int64_t inputs() const { return row_ * groups_; }
  int64_t outputs() const { return outputs_; }
  /** Input channels that one output channel reads. */
  int64_t row() const { return row_; }
  int64_t input_of(int64_t o, int64_t j) const { return o / (outputs_ / groups_) * row_ + j; }
  /** Largest |w| of each block, [outputs, row]. */
  std::vector<float> largest(const Tensor& weight) const;
  /** Sum of the squares of each block, [outputs, row]. */
  std::vector<float> squares(const Tensor& weight) const;
  int64_t taps() const { return taps_; }
  /** Calls visit(o, j, sum of the block's weights) for every block. */
  void for_each_sum(const Tensor& weight,
                    const std::function<void(int64_t o, int64_t j, double sum)>& visit) const;

  /** w[o, i] * out[o] / in[i]; an empty span scales by 1. */
  Tensor scaled(const Tensor& weight, std::span<const double> out,
                std::span<const double> in) const;

 private:
  size_t begin_of(int64_t o, int64_t j) const;

  bool inputs_first_ = false;  // [inputs, outputs] instead of [outputs, inputs, taps]
  int64_t outputs_ = 0;
  int64_t row_ = 0;
  int64_t groups_ = 1;
  int64_t taps_ = 1;
};

/** The bias of a layer as one value per output channel; zeros where it has none. */
std::vector<float> bias_of(const Graph& graph, const Node& node, int64_t channels);
/** Gives `node` this bias, in place where the old one is read by it alone. */
void set_bias(Graph& graph, NameMaker& names, Node& node, std::span<const float> bias);

}  // namespace whittle
