#include <algorithm>

#include "core/compress/quantize/support/weights/rounding.h"
#include "core/compress/quantize/support/weights/weight_only.h"
#include "core/compress/quantize/support/weights/weight_options.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

nlohmann::json rules_of(const TechniqueContext& context) {
  nlohmann::json rules = nlohmann::json::array();
  for (const LayerRule& rule : context.rules) rules.push_back(to_json(rule));
  return rules;
}

Job run(TechniqueContext& context) {
  const ConstantFinder finder(context.model.graph);
  const std::vector<Layer> layers = context.layers(weight_ops());
  WeightOnlyPlan plan;
  co_await plan.make(context, layers, finder);
  const bool learned = std::any_of(layers.begin(), layers.end(), [](const Layer& layer) {
    return rounding_of(layer.options) != Rounding::nearest;
  });
  if (learned) {
    nlohmann::json step = context.options.given();
    step["technique"] = "quantize-weights";
    step["codes"] = plan.changes(context.model.graph);
    if (!context.rules.empty()) step["layers"] = rules_of(context);
    context.report.explicit_step = std::move(step);
  }
  NameMaker names(context.model.graph);
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    ConstantPool pool(graph, names);
    plan.apply(graph, before, names, pool);
  });
}

}  // namespace

void register_quantize_weights(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "quantize-weights";
  technique.summary =
      "8- or 4-bit weights behind DequantizeLinear; arithmetic stays float; data only for learned "
      "rounding";
  technique.ops = weight_ops();
  technique.needs_passes = weight_passes();
  technique.not_after = {"palettize"};
  technique.quantizes = true;
  technique.options = weight_format_options();
  for (const OptionSpec& option : rounding_options()) technique.options.push_back(option);
  technique.data_passes = rounding_passes;
  technique.weight_bits = weight_bits;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
