#include <map>
#include <set>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/half.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

/** Below this a Cast node takes more bytes than halving saves. */
constexpr int64_t kLeastElements = 40;

std::vector<std::string> fp16_ops() {
  std::vector<std::string> ops = weight_ops();
  for (const char* op : {"Add", "Mul", "PRelu"}) ops.push_back(op);
  return ops;
}

void warn_about_range(StepReport& report, int64_t overflows, int64_t underflows) {
  if (overflows > 0) {
    report.warnings.push_back(
        concat(overflows, " weights beyond +-65504 were cut to the largest float16"));
  }
  if (underflows > 0) {
    report.warnings.push_back(concat(underflows, " weights below 6e-8 became zero in float16"));
  }
}

Job store_as_half(TechniqueContext& context) {
  const ConstantFinder finder(context.model.graph);
  const std::vector<Layer> layers = context.layers(fp16_ops());
  std::map<ConstantRef, HalfTensor> halves;
  int64_t underflows = 0;
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    std::string reason = "it has no float32 weights";
    bool touched = false;
    bool any_weight = false;
    double worst = 300;
    if (!layer.selected) reason = "not selected";
    for (size_t i = 0; layer.selected && i < layer.node->inputs.size(); ++i) {
      const ConstantRef constant = finder.find_weight(*layer.graph, layer.node->input(i));
      if (!constant.found() || constant.tensor().dtype() != DType::f32) continue;
      any_weight = true;
      if (constant.tensor().elements() < kLeastElements) {
        reason = "too small to gain from 16 bits";
        continue;
      }
      auto known = halves.find(constant);
      if (known == halves.end()) {
        co_await report_progress("fp16", layer.name(), done, static_cast<int64_t>(layers.size()));
        context.cancel.poll();
        HalfTensor half = to_half(constant.tensor());
        if (half.overflows > 0) {
          reason = "its weights exceed the range of float16";
          continue;
        }
        underflows += half.underflows;
        known = halves.emplace(constant, std::move(half)).first;
      }
      worst = std::min(worst, known->second.sqnr_db());
      touched = true;
    }
    if (touched) {
      context.report.touch(*layer.node, {{"weightSqnrDb", worst}});
    } else if (any_weight || is_always_a_layer(*layer.node)) {
      context.report.leave(*layer.node, reason);
    }
  }
  warn_about_range(context.report, 0, underflows);
  NameMaker names(context.model.graph);
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    for (auto& [constant, half] : halves) {
      if (constant.owner != before) continue;
      const ValueId narrow = graph.add_constant(names.fresh("h"), half.values);
      derive_constant(graph, names, constant.id, "Cast", {narrow},
                      {{"to", static_cast<int64_t>(DType::f32)}});
    }
  });
}

Job make_half_graph(TechniqueContext& context) {
  std::set<std::string> kept;
  for (const Layer& layer : context.layers(fp16_ops())) {
    if (layer.selected) {
      context.report.touch(*layer.node);
    } else {
      kept.insert(layer.name());
      context.report.leave(*layer.node, "not selected: stays float32 between casts");
    }
  }
  co_await report_progress("fp16", "", 0, 1);
  // Types of values in the middle decide where a cast is needed.
  infer_shapes(context.model.graph, context.ops);
  NameMaker names(context.model.graph);
  const HalfGraphResult result = convert_to_half(
      context.model.graph, names, [&](const Node& node) { return kept.contains(node.name); });
  warn_about_range(context.report, result.overflows, result.underflows);
}

Job run(TechniqueContext& context) {
  if (context.options.boolean("graph")) {
    co_await make_half_graph(context);
  } else {
    co_await store_as_half(context);
  }
}

}  // namespace

void register_fp16(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "fp16";
  technique.summary =
      "16-bit float weights; arithmetic stays 32-bit unless a float16 graph is asked for";
  technique.ops = fp16_ops();
  technique.needs_passes = weight_passes();
  OptionSpec graph;
  graph.name = "graph";
  graph.type = OptionType::boolean;
  graph.doc = "make every value inside the model float16 too, with casts at its inputs and outputs";
  graph.default_value = false;
  graph.per_layer = false;
  technique.options = {graph};
  technique.weight_bits = [](const Options&) { return 16.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
