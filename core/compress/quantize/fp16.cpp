#include <algorithm>
#include <map>
#include <set>

#include "core/compress/graph_edit.h"
#include "core/compress/observed_model.h"
#include "core/compress/quantize/support/half/float32_choice.h"
#include "core/compress/quantize/support/half/half_graph.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Below this a Cast node takes more bytes than halving saves. */
constexpr int64_t kLeastElements = 40;

std::vector<std::string> fp16_ops() {
  std::vector<std::string> ops = weight_ops();
  for (const char* op : {"Add", "Mul", "PRelu"}) ops.push_back(op);
  return ops;
}

/** Every other operator: a rule may keep one out of a float16 graph. */
std::vector<std::string> other_ops() {
  const std::vector<std::string> usual = fp16_ops();
  std::vector<std::string> ops;
  for (const OpDef* op : all_ops().all()) {
    if (!op->domain.empty() || op->has(Trait::control_flow)) continue;
    if (std::find(usual.begin(), usual.end(), op->name) == usual.end()) ops.emplace_back(op->name);
  }
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
  const bool judged = context.options.text("float32") != "none";
  const ConstantFinder finder(context.model.graph);
  const std::vector<Layer> layers = context.layers(fp16_ops(), other_ops());
  std::map<ConstantRef, HalfTensor> halves;
  HalfLoss total;
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    std::string reason = "it has no float32 weights";
    bool touched = false;
    bool any_weight = false;
    HalfLoss worst;
    double worst_db = 300;
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
        const std::string obstacle = judged ? half.loss.obstacle("weights") : "";
        if (!obstacle.empty()) {
          reason = obstacle;
          continue;
        }
        total.overflows += half.loss.overflows;
        total.underflows += half.loss.underflows;
        known = halves.emplace(constant, std::move(half)).first;
      }
      const double ratio = known->second.loss.sqnr_db();
      if (!touched || ratio < worst_db) worst = known->second.loss;
      worst_db = std::min(worst_db, ratio);
      touched = true;
    }
    if (touched) {
      context.report.touch(*layer.node, {{"weightSqnrDb", worst_db}, {"weights", worst.to_json()}});
    } else if (any_weight || is_always_a_layer(*layer.node)) {
      context.report.leave(*layer.node, reason);
    }
  }
  warn_about_range(context.report, total.overflows, total.underflows);
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

/** Whether the last rule that is about a node which is no layer of this technique skips it. */
bool skipped(const std::vector<LayerRule>& rules, const Graph& graph, const Node& node) {
  bool skip = false;
  for (const LayerRule& rule : rules) {
    if (rule.index || (rule.op && *rule.op != node.op)) continue;
    const ValueId output = node.output(0);
    if (rule.name && !glob_match(*rule.name, node.name) &&
        (output == kNoValue || !glob_match(*rule.name, graph.value(output).origin_name()))) {
      continue;
    }
    skip = rule.skip;
  }
  return skip;
}

/** Nodes that the recipe's rules leave out, by name. */
std::set<std::string> unselected(const TechniqueContext& context) {
  const std::vector<std::string> usual = fp16_ops();
  std::set<std::string> names;
  for (const Layer& layer : context.layers(usual, other_ops())) {
    if (!layer.selected) names.insert(layer.name());
  }
  walk_nodes(context.model.graph, [&](const Graph& graph, const Node& node, int64_t) {
    const bool is_usual = std::find(usual.begin(), usual.end(), node.op) != usual.end();
    if (!is_usual && skipped(context.rules, graph, node)) names.insert(node.name);
  });
  return names;
}

Job observe_activations(TechniqueContext& context, Float32Choice& choice) {
  const std::vector<ValueId> values = choice.values_to_observe();
  ObservedModel observed(context, context.model, values,
                         [&](ValueId id, const Tensor& value) { choice.observe(id, value); });
  int64_t samples = 0;
  while (true) {
    const std::optional<Sample> sample = co_await next_sample("fp16 ranges", "", samples, -1);
    if (!sample) break;
    context.cancel.poll();
    observed.run(*sample, ++samples);
  }
  require_samples(samples, "fp16 ranges");
}

/** The step with every node that stays float32 spelled out. */
json explicit_step(const TechniqueContext& context, const Float32Choice& choice) {
  json step = context.options.given();
  step["technique"] = "fp16";
  step["float32"] = "none";
  json rules = json::array();
  for (const LayerRule& rule : context.rules) {
    json copy = rule.overrides;
    if (rule.name) copy["name"] = *rule.name;
    if (rule.op) copy["op"] = *rule.op;
    if (rule.index) copy["index"] = *rule.index;
    if (rule.skip) copy["skip"] = true;
    rules.push_back(std::move(copy));
  }
  for (const auto& [name, reason] : choice.reasons()) {
    rules.push_back({{"name", name}, {"skip", true}});
  }
  if (!rules.empty()) step["layers"] = std::move(rules);
  return step;
}

Job make_half_graph(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  const std::set<std::string> left_out = unselected(context);
  // Types of values in the middle decide where a cast is needed.
  infer_shapes(context.model.graph, context.ops);
  const std::string mode = context.options.text("float32");
  Float32Choice choice(graph);
  choice.look_at_constants(mode != "none");
  if (mode == "listed") choice.keep_wide_range_ops();
  if (mode == "auto") {
    co_await observe_activations(context, choice);
    choice.judge_observed();
    context.report.explicit_step = explicit_step(context, choice);
  }
  co_await report_progress("fp16", "", 0, 1);

  const std::vector<std::string> usual = fp16_ops();
  int64_t overflows = 0;
  int64_t underflows = 0;
  walk_nodes(graph, [&](const Graph&, const Node& node, int64_t) {
    const auto reason = choice.reasons().find(node.name);
    const bool is_usual = std::find(usual.begin(), usual.end(), node.op) != usual.end();
    if (left_out.contains(node.name)) {
      context.report.leave(node, "not selected: stays float32 between casts");
    } else if (reason != choice.reasons().end()) {
      context.report.leave(node, "stays float32: " + reason->second);
    } else if (is_usual) {
      const json seen = choice.seen_at(node);
      context.report.touch(node, seen);
      if (!seen.is_object() || !seen.contains("weights")) return;
      overflows += seen["weights"]["overflows"].get<int64_t>();
      underflows += seen["weights"]["underflows"].get<int64_t>();
    }
  });
  warn_about_range(context.report, overflows, underflows);
  NameMaker names(graph);
  convert_to_half(context.model.graph, names, [&](const Node& node) {
    return left_out.contains(node.name) || choice.keeps(node);
  });
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
  technique.optional_ops = other_ops();
  technique.needs_passes = weight_passes();
  technique.options = {
      OptionSpec{.name = "graph",
                 .type = OptionType::boolean,
                 .doc =
                     "make every value inside the model float16 too, with casts at its inputs and "
                     "outputs",
                 .default_value = false,
                 .per_layer = false},
      OptionSpec{
          .name = "float32",
          .type = OptionType::choice,
          .doc = "what stays float32: weights that float16 cannot hold, and in a float16 graph the "
                 "operators known for leaving its range (\"listed\") or what leaves it on "
                 "calibration data (\"auto\")",
          .default_value = "listed",
          .choices = {"listed", "auto", "none"},
          .per_layer = false}};
  technique.data_passes = [](const Options& options) {
    return options.boolean("graph") && options.text("float32") == "auto" ? 1 : 0;
  };
  technique.weight_bits = [](const Options&) { return 16.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
