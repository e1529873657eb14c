#include "core/compress/quantize/support/weight_only.h"
#include "core/compress/quantize/support/weight_options.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

Job run(TechniqueContext& context) {
  const ConstantFinder finder(context.model.graph);
  const std::vector<Layer> layers = context.layers(weight_ops());
  WeightOnlyPlan plan;
  co_await plan.make(context, layers, finder);
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
      "8- or 4-bit weights behind DequantizeLinear; arithmetic stays float and no data is needed";
  technique.ops = weight_ops();
  technique.needs_passes = weight_passes();
  technique.not_after = {"palettize"};
  technique.quantizes = true;
  technique.options = weight_format_options();
  technique.weight_bits = weight_bits;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
