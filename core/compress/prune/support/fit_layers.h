#pragma once

#include <vector>

#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/prune/support/shrink.h"

namespace whittle {

/** A layer of a graph that has lost channels, and what it can be fitted to. */
struct FitLayer {
  int node = -1;
  size_t weight_input = 1;
  ValueId weight = kNoValue;
  /** It has a bias of one value an output, or may get one. */
  bool has_bias = false;
  LayerRows rows;
  /** What should be as it was: the layer's output or, where that is only added to something that is
   * there before, the sum, so that the layer makes up for the other operand too (as He et al. 2017
   * do at the end of a residual branch). */
  ValueId target = kNoValue;
  /** The channels of `target` that are left, as they were counted before. */
  std::vector<int64_t> channels;

  const LayerMatrix& matrix() const { return rows.matrix(); }
  /** The matrix of its moments: inputs, a one for the bias, and the error of each output. */
  LayerMatrix moments() const;
  /** Where `value`, shaped as the target, holds a channel for a row of `rows`. */
  size_t place(const Tensor& value, int64_t row, int64_t channel) const;
};

/** Whether the bias of a layer with so many outputs can be set: it is a constant, or not there. */
bool may_set_bias(const Graph& graph, const Node& node, int64_t outputs);

/** The layers of `smaller`, in its order, that read something the loss of channels has changed and
 * have a weight of their own. `kept`: the places that its axes have left. */
std::vector<FitLayer> layers_to_fit(const Graph& smaller, const KeptPlaces& kept);

}  // namespace whittle
