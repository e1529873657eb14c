#pragma once

#include <map>
#include <utility>
#include <vector>

#include "core/compress/layers.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * The mean square of what each weight is multiplied with, from calibration samples: the diagonal of
 * a layer's Hessian E[x x^T], by which an error of a weight costs output error.
 */
class InputEnergy {
 public:
  /** One pass over the data. Layers inside subgraphs and inputs that are not float are left out.
   * Throws as ObservedModel::run, and EMPTY_DATA. */
  Job observe(TechniqueContext& context, const std::vector<Layer>& layers);

  /**
   * Adds to `importance`, one entry for each element of the weight (of shape `shape`, as the node
   * reads it) at input `input` of `node`, the mean square of its factor over that of all factors.
   * Returns false, adding nothing, when it is unknown.
   */
  bool add_importance(const Node& node, size_t input, const Shape& shape,
                      std::vector<float>& importance) const;

 private:
  /** An activation, and whether its channels are the last axis rather than axis 1. */
  using Factor = std::pair<ValueId, bool>;

  static Factor factor_of(const Node& node, size_t input);
  static void add_squares(const Tensor& value, bool channels_last, std::vector<double>& sums);

  std::map<Factor, std::vector<double>> sums_;  // of squares, by channel
};

}  // namespace whittle
