#include "core/compress/prune/support/channel_plan.h"
#include "core/compress/prune/support/rebuilt_layers.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"
#include "core/measure/cost.h"
#include "core/ops/shape_inference.h"
#include "core/passes/pass.h"

namespace whittle {
namespace {

/** BatchNormalization hides how large a filter's output is; only the criterion that reads its
 * scales needs it. */
void fold_norms(TechniqueContext& context) {
  if (context.options.text("criterion") == "batchnorm") return;
  const std::vector<Pass> passes = {*find_pass("fold-batchnorm"),
                                    *find_pass("eliminate-dead-code")};
  run_passes(context.model.graph, passes, PassContext{context.ops, context.pool});
}

std::map<std::string, LayerCost> costs_of(const Graph& graph, const OpTable& ops) {
  std::map<std::string, LayerCost> costs;
  for (LayerCost& layer : model_cost(graph, ops).layers) {
    std::string name = layer.name;
    costs.emplace(std::move(name), std::move(layer));
  }
  return costs;
}

/** What each layer becomes, by what it is; returns their names. */
std::set<std::string> report_changes(TechniqueContext& context, const Graph& smaller) {
  const std::map<std::string, LayerCost> before = costs_of(context.model.graph, context.ops);
  const std::map<std::string, LayerCost> after = costs_of(smaller, context.ops);
  std::set<std::string> touched;
  for (const Node& node : smaller.nodes) {
    const LayerCost& was = before.at(node.name);
    const LayerCost& is = after.at(node.name);
    if (weight_inputs(node).empty() || is.parameters == was.parameters) continue;
    touched.insert(node.name);
    context.report.touch(node, {{"parameters", {was.parameters, is.parameters}},
                                {"bytes", {was.weight_bytes, is.weight_bytes}},
                                {"macs", {was.macs, is.macs}},
                                {"output", {was.output_shape, is.output_shape}}});
  }
  return touched;
}

bool reads_data(const Options& options) {
  if (options.given("removed")) return false;
  const std::string criterion = options.text("criterion");
  return criterion == "activation" || criterion == "reconstruction" ||
         options.boolean("reconstruct");
}

Job run(TechniqueContext& context) {
  const Options& options = context.options;
  fold_norms(context);
  Graph& graph = context.model.graph;
  infer_shapes(graph, context.ops);
  ChannelPlan plan(context);
  co_await plan.find();
  const bool repeats = options.given("removed");
  Readers readers;
  SampleStore samples(options.integer("samples"), true);
  if (options.text("criterion") == "reconstruction") {
    readers.layers = reader_layers(graph, plan.slots());
  }
  if (repeats) {
    plan.choose(options.texts("removed"));
  } else {
    co_await plan.choose(samples, readers);
  }
  // The plan reads the graph as it is.
  Graph smaller = graph;
  const KeptPlaces kept = kept_places(plan.slots(), plan.classes());
  co_await report_progress("remove channels");
  shrink(smaller, context.ops, kept);
  RebuiltLayers rebuilt;
  if (!repeats && options.boolean("reconstruct")) {
    co_await rebuilt.fit(context, samples, smaller, kept, options.number("ridge"));
  }
  if (repeats) apply_weight_texts(smaller, options.texts("weights"));
  plan.report_rest(report_changes(context, smaller));
  context.report.facts = plan.facts();
  if (!rebuilt.recovered().empty()) context.report.facts["recovered"] = rebuilt.recovered();
  nlohmann::json& step = context.report.explicit_step;
  step = {{"technique", "prune-channels"}, {"removed", plan.removed()}};
  const nlohmann::json& weights = repeats ? options.texts("weights") : rebuilt.texts();
  if (!weights.empty()) step["weights"] = weights;
  // Says whether normalisations are folded first.
  if (options.text("criterion") == "batchnorm") step["criterion"] = "batchnorm";
  graph = std::move(smaller);
}

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> specs;
  specs.push_back({.name = "ratio",
                   .doc = "share of the channels to remove",
                   .default_value = 0.25,
                   .min = 0,
                   .max = 1});
  specs.push_back({.name = "scope",
                   .type = OptionType::choice,
                   .doc = "\"layer\": the same share everywhere; \"global\": the least important "
                          "of the whole model",
                   .default_value = "layer",
                   .choices = {"layer", "global"},
                   .per_layer = false});
  specs.push_back(
      {.name = "criterion",
       .type = OptionType::choice,
       .doc = "what tells how much a channel matters: the size of its filter (l1, l2), "
              "its distance to the others (fpgm), the scale of its normalisation "
              "(batchnorm), its mean activation on data (activation), the error that "
              "is left without it in the layers that read it (reconstruction), or "
              "chance",
       .default_value = "l2",
       .choices = {"l1", "l2", "fpgm", "batchnorm", "activation", "reconstruction", "random"},
       .per_layer = false});
  specs.push_back({.name = "multiple",
                   .type = OptionType::integer,
                   .doc = "leave numbers of channels that are multiples of this: kernels work on "
                          "8 at a time",
                   .default_value = 8,
                   .min = 1,
                   .max = 256});
  specs.push_back({.name = "minChannels",
                   .type = OptionType::integer,
                   .doc = "least number of channels to leave",
                   .default_value = 4,
                   .min = 1});
  specs.push_back({.name = "maxRatio",
                   .doc = "largest share of a layer's channels to remove",
                   .default_value = 0.9,
                   .min = 0,
                   .max = 1});
  specs.push_back({.name = "keepParameters",
                   .doc = "share of the model's parameters to leave, in place of ratio",
                   .min = 0,
                   .max = 1,
                   .per_layer = false});
  specs.push_back({.name = "keepMacs",
                   .doc = "share of the model's multiply-accumulates to leave, in place of ratio",
                   .min = 0,
                   .max = 1,
                   .per_layer = false});
  specs.push_back({.name = "keepBytes",
                   .doc = "share of the bytes of the model's weights to leave, in place of ratio",
                   .min = 0,
                   .max = 1,
                   .per_layer = false});
  specs.push_back({.name = "reconstruct",
                   .type = OptionType::boolean,
                   .doc = "make up for what is removed: the layers that read it get the weights "
                          "that change their outputs least on calibration data (least squares)",
                   .default_value = false,
                   .per_layer = false});
  specs.push_back({.name = "ridge",
                   .doc = "how much least squares hold on to the weights there were, at least, as "
                          "a share of the mean power of what a layer reads: in the criterion "
                          "reconstruction, and where reconstruct starts to look for the best",
                   .default_value = 0.1,
                   .min = 1e-9,
                   .max = 100,
                   .per_layer = false,
                   .advanced = true});
  specs.push_back({.name = "samples",
                   .type = OptionType::integer,
                   .doc = "most calibration samples to look at; 0 takes all",
                   .default_value = 128,
                   .min = 0,
                   .per_layer = false});
  specs.push_back({.name = "removed",
                   .type = OptionType::texts,
                   .doc = "the channels to remove by layer, as a report writes them, in place of "
                          "a choice",
                   .per_layer = false,
                   .advanced = true});
  specs.push_back({.name = "weights",
                   .type = OptionType::texts,
                   .doc = "reconstructed weights by layer, as a report writes them",
                   .per_layer = false,
                   .advanced = true});
  return specs;
}

int data_passes(const Options& options) {
  return reads_data(options) ? 1 : 0;
}

}  // namespace

void register_prune_channels(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "prune-channels";
  technique.summary =
      "whole channels, neurons and hidden units removed, with everything that is coupled to them: "
      "a smaller and faster model";
  technique.ops = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"};
  technique.needs_passes = weight_passes();
  technique.options = options();
  technique.data_passes = data_passes;
  technique.not_after = {"fp16", "quantize-*", "mixed-precision", "palettize",
                         "round-for-compression"};
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
