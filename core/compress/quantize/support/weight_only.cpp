#include "core/compress/quantize/support/weight_only.h"

#include <algorithm>

#include "core/compress/weights.h"

namespace whittle {
namespace {

/** Name, type and attributes of a DequantizeLinear with its scales, in a file. */
constexpr int64_t kNodeBytes = 80;

std::string why_not(const ConstantRef& constant, std::optional<int> axis) {
  if (!constant.found()) return "its weights are computed at run time";
  const Tensor& tensor = constant.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weights are ", dtype_name(tensor.dtype()), ", not float32");
  }
  if (!axis || tensor.elements() == 0) return "its weight is not a matrix";
  if (3 * tensor.elements() <= 4 * tensor.shape()[*axis] + kNodeBytes) {
    return "too small to gain from 8 bits";
  }
  return "";
}

}  // namespace

Job WeightOnlyPlan::make(TechniqueContext& context, const std::vector<Layer>& layers,
                         const ConstantFinder& finder) {
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    if (!layer.selected) {
      context.report.leave(*layer.node, "not selected");
      continue;
    }
    co_await report_progress("quantize weights", layer.name(), done,
                             static_cast<int64_t>(layers.size()));
    context.cancel.poll();
    std::string reason;
    double worst = 300;
    bool touched = false;
    bool any_weight = false;
    for (size_t input : weight_inputs(*layer.node)) {
      const ConstantRef constant = finder.find_weight(*layer.graph, layer.node->input(input));
      any_weight = any_weight || (constant.found() && is_float(constant.tensor().dtype()));
      std::optional<int> axis;
      if (constant.found()) axis = channel_axis(*layer.node, input, constant.tensor().shape());
      const auto known = stored_.find(constant);
      if (constant.found() && known != stored_.end()) {
        touched = true;
        worst = std::min(worst, known->second.sqnr_db());
        continue;
      }
      std::string obstacle = why_not(constant, axis);
      if (!obstacle.empty()) {
        if (reason.empty()) reason = std::move(obstacle);
        continue;
      }
      QuantizedWeight weight = quantize_channels(constant.tensor(), *axis, constant.value().name);
      worst = std::min(worst, weight.sqnr_db());
      stored_.emplace(constant, std::move(weight));
      touched = true;
    }
    if (touched) {
      context.report.touch(*layer.node, {{"weightSqnrDb", worst}});
    } else if (any_weight || is_always_a_layer(*layer.node)) {
      context.report.leave(*layer.node, reason);
    }
  }
}

void WeightOnlyPlan::apply(Graph& graph, const Graph* before, NameMaker& names,
                           ConstantPool& pool) {
  for (auto& [constant, weight] : stored_) {
    if (constant.owner != before) continue;
    const ValueId values = graph.add_constant(names.fresh("q"), std::move(weight.values));
    const ValueId scales = pool.get(weight.scales, "s");
    derive_constant(graph, names, constant.id, "DequantizeLinear", {values, scales},
                    {{"axis", static_cast<int64_t>(weight.axis)}});
  }
}

}  // namespace whittle
