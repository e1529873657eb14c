#pragma once

#include <map>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/quantized_weight.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * Constant weights that go behind a DequantizeLinear with one symmetric int8 scale per output
 * channel; activations stay float. Made on an unchanged graph, then put into it.
 */
class WeightOnlyPlan {
 public:
  /** Rounds the weights of the selected layers; layers that gain nothing are reported as left
   * alone. */
  Job make(TechniqueContext& context, const std::vector<Layer>& layers,
           const ConstantFinder& finder);
  bool contains(const ConstantRef& constant) const { return stored_.contains(constant); }
  /** For use in edit_graphs. */
  void apply(Graph& graph, const Graph* before, NameMaker& names, ConstantPool& pool);

 private:
  std::map<ConstantRef, QuantizedWeight> stored_;
};

}  // namespace whittle
