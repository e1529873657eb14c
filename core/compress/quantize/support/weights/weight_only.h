#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/compress/quantize/support/weights/rounding.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * Constant weights that go behind a DequantizeLinear; activations stay float. The format is what
 * the options of the layer say (weight_options.h). Made on an unchanged graph, then put into it. A
 * weight that several layers share is stored once, as the first of them asks.
 */
class WeightOnlyPlan {
 public:
  /** Rounds the weights of the selected layers; layers that gain nothing are reported as left
   * alone. */
  Job make(TechniqueContext& context, const std::vector<Layer>& layers,
           const ConstantFinder& finder);
  bool contains(const ConstantRef& constant) const { return by_constant_.contains(constant); }
  /** The `codes` of the step that repeats this one (rounding.h). */
  nlohmann::json changes(const Graph& graph) const { return changes_of(graph, rounded_); }
  /** For use in edit_graphs, any number of times. `wanted` picks some of the weights. */
  using Wanted = std::function<bool(const ConstantRef& constant)>;
  void apply(Graph& graph, const Graph* before, NameMaker& names, ConstantPool& pool,
             const Wanted& wanted = {}) const;

 private:
  struct Planned {
    ConstantRef constant;
    WeightGrid grid;
    QuantizedWeight stored;
    int rounded = -1;  // index in rounded_, or rounded to nearest without further ado
  };

  Job make_grid(TechniqueContext& context, const Layer& layer, WeightAxes axes, Planned& planned);

  std::vector<Planned> planned_;
  std::vector<RoundedWeight> rounded_;         // those of planned_ in the graph itself
  std::map<ConstantRef, size_t> by_constant_;  // index in planned_
};

}  // namespace whittle
