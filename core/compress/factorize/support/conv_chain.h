#pragma once

#include <string>
#include <vector>

#include "core/compress/factorize/support/factor_step.h"

namespace whittle {

/** A convolution's kernel as [groups][outputs][inputs][taps], outputs and inputs of one group. */
struct ConvKernel {
  int groups = 1;
  int outputs = 0;
  int inputs = 0;
  std::vector<int> window;  // taps along each spatial axis
  std::span<const float> values;

  int taps() const;
  int size() const { return outputs * inputs * taps(); }  // of one group
  std::span<const float> group(int g) const {
    return values.subspan(static_cast<size_t>(g) * static_cast<size_t>(size()),
                          static_cast<size_t>(size()));
  }
};

/** Why a Conv cannot be read as a ConvKernel, or "": depthwise kernels have no channels to save. */
std::string why_no_conv_kernel(const Node& node, const Tensor& weight);
ConvKernel conv_kernel(const Node& node, const Tensor& weight);

/** One convolution of a chain: which spatial axes its window slides along (stride, padding and
 * dilation of the original belong to that link; the others see 1x1), and its groups. */
struct ConvLink {
  std::vector<bool> axes;
  int64_t groups = 1;
};

/**
 * The nodes of a chain of convolutions in place of `reader`, one for each link, with `weights` as
 * their kernels. Zero padding commutes with a 1x1 convolution that has no bias, so padding goes
 * where its axis is; the bias goes to the last, which keeps name and outputs.
 */
std::vector<Node> conv_chain(Graph& graph, NameMaker& names, const Node& reader,
                             const std::vector<ConvLink>& links,
                             const std::vector<ValueId>& weights, const std::string& technique);

/** Factorization::expand for such a chain. */
void expand_to_chain(Factorization& result, std::vector<ConvLink> links, std::string technique);

/** A [groups * outputs, inputs, window...] weight from one block a group, each [outputs, inputs,
 * window...]. */
Tensor stack_groups(const std::vector<std::vector<float>>& blocks, int64_t outputs, int64_t inputs,
                    const std::vector<int>& window);

}  // namespace whittle
