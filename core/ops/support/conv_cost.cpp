#include "core/ops/support/conv_cost.h"

namespace whittle {

Cost conv_cost_of(const NodeFacts& facts, size_t x, size_t w, bool transposed) {
  if (facts.inputs.size() <= w || !facts.inputs[x].dims || !facts.inputs[w].dims) return {};
  const auto x_shape = concrete(*facts.inputs[x].dims);
  const auto w_shape = concrete(*facts.inputs[w].dims);
  if (!x_shape || !w_shape) return {};
  const ConvGeometry geometry = transposed ? conv_transpose_geometry(facts.node, *x_shape, *w_shape)
                                           : conv_geometry(facts.node, *x_shape, *w_shape);
  return {geometry.macs()};
}

Cost conv_cost(const NodeFacts& facts) {
  return conv_cost_of(facts, 0, 1, false);
}

}  // namespace whittle
