#include "core/compress/quantize/support/integer/static_model.h"

#include <set>

namespace whittle {

Placement place_static(const TechniqueContext& context, const StaticLayers& layers) {
  std::set<int> indices;
  for (const auto& [index, options] : layers) {
    if (has_integer_arithmetic(options)) indices.insert(index);
  }
  const bool exact = context.target == "whittle" || context.options.text("heads") != "integer";
  const LastSum last_sum = exact ? LastSum::exact : LastSum::quantized;
  return place_quantization(context.model.graph, context.ops, indices, last_sum);
}

Job plan_static(TechniqueContext& context, const CalibratedLayers& calibrated,
                const StaticLayers& layers, StaticPlan& plan) {
  const Graph& graph = context.model.graph;
  plan.layers = layers;
  plan.placement = place_static(context, layers);
  for (ValueId id : plan.placement.observed) {
    auto found = calibrated.intervals.find(id);
    if (found == calibrated.intervals.end()) {
      found = calibrated.intervals.find(calibrated.placement.source_of(id));
    }
    if (found == calibrated.intervals.end()) {
      fail(Code::INTERNAL, graph.value(id).name, "Expected an interval for ", graph.value(id).name);
    }
    plan.intervals[id] = found->second;
  }
  plan.parameters.form = calibrated.form;
  // Older versions of onnxruntime make no integer layer of one whose bias is float.
  plan.parameters.bias = context.target == "whittle" ? BiasForm::f32 : BiasForm::int32;
  plan.parameters.for_onnxruntime = context.target != "whittle";
  plan.parameters.activations =
      choose_parameters(graph, plan.placement, plan.intervals, calibrated.form);
  co_await make_static_grids(context, layers, plan.parameters.activations, plan.grids);
  co_await quantize_static_weights(context, plan.grids, calibrated.codes, plan.parameters.weights);
}

Job learn_codes(TechniqueContext& context, CalibratedLayers& calibrated, bool read_before) {
  WeightGrids grids;
  const std::map<ValueId, Affine> activations = choose_parameters(
      context.model.graph, calibrated.placement, calibrated.intervals, calibrated.form);
  co_await make_static_grids(context, calibrated.layers, activations, grids);
  co_await round_static_weights(context, calibrated.layers, grids, read_before, calibrated.codes);
}

}  // namespace whittle
