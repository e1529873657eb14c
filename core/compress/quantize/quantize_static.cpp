#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/calibration/calibrate.h"
#include "core/compress/quantize/support/integer/choose_intervals.h"
#include "core/compress/quantize/support/integer/emit_qdq.h"
#include "core/compress/quantize/support/integer/float_fallback.h"
#include "core/compress/quantize/support/integer/prepare_static.h"
#include "core/compress/quantize/support/integer/static_layers.h"
#include "core/compress/quantize/support/integer/static_model.h"
#include "core/compress/quantize/support/weights/rounding.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

/** Intervals as a recipe gives them, for every value that needs one. */
std::map<ValueId, Interval> given_intervals(const TechniqueContext& context,
                                            const std::vector<ValueId>& values) {
  const nlohmann::json given = context.options.ranges("ranges");
  std::map<ValueId, Interval> intervals;
  for (ValueId id : values) {
    const std::string& name = context.model.graph.value(id).name;
    const auto found = given.find(name);
    if (found == given.end()) {
      fail(Code::INVALID_OPTION, "ranges", "Expected a range for the value \"", name,
           "\" in ranges but received none. The ranges belong to another model or recipe");
    }
    intervals[id] = {(*found)[0].get<float>(), (*found)[1].get<float>()};
  }
  return intervals;
}

FallbackOptions fallback_options(const Options& options) {
  FallbackOptions made;
  made.float_layers = options.integer("floatLayers");
  if (options.has("minSqnr")) made.min_sqnr_db = options.number("minSqnr");
  if (options.has("minAgreement")) made.min_agreement = options.number("minAgreement");
  if (options.has("floatBudget")) made.budget = options.number("floatBudget");
  made.samples = options.integer("samples");
  if (made.budget && !made.bounded()) {
    fail(Code::INVALID_OPTION, "floatBudget",
         "Expected minSqnr or minAgreement together with floatBudget but received neither: the "
         "budget is spent only as far as a bound asks for it");
  }
  if (made.wanted() && options.given("ranges")) {
    fail(Code::INVALID_OPTION, "ranges",
         "Expected no ranges together with minSqnr, minAgreement or floatLayers but received both: "
         "a step that repeats another names its layers");
  }
  return made;
}

CalibrationOptions calibration_options(const Options& options) {
  CalibrationOptions made;
  made.calibrator = options.text("calibrator");
  made.percentile = options.number("percentile");
  made.samples = options.integer("samples");
  made.form.is_signed = options.text("activations") == "s8";
  made.form.symmetric = options.boolean("activationSymmetric");
  return made;
}

/** What a layer rule said about a layer beyond the step's own options. */
nlohmann::json overrides_of(const Options& layer, const Options& step) {
  nlohmann::json overrides = nlohmann::json::object();
  for (const auto& [key, value] : layer.given().items()) {
    if (!step.given(key) || step.given().at(key) != value) overrides[key] = value;
  }
  return overrides;
}

/** The step with every range spelled out and the layers it took. */
nlohmann::json explicit_step(const TechniqueContext& context, const StaticPlan& plan,
                             const LearnedCodes& codes) {
  nlohmann::json step = context.options.given();
  for (const char* decided : {"minSqnr", "minAgreement", "floatLayers", "floatBudget"})
    step.erase(decided);
  step["technique"] = "quantize-static";
  step["firstLast"] = "int8";
  nlohmann::json table = nlohmann::json::object();
  for (const auto& [id, interval] : plan.intervals) {
    table[context.model.graph.value(id).name] = {interval.min, interval.max};
  }
  step["ranges"] = std::move(table);
  nlohmann::json rules = nlohmann::json::array();
  bool learned = context.options.has("codes");
  for (const auto& [index, options] : plan.layers) {
    learned = learned || rounding_of(options) != Rounding::nearest;
    nlohmann::json rule = overrides_of(options, context.options);
    rule["name"] = context.model.graph.nodes[static_cast<size_t>(index)].name;
    rules.push_back(std::move(rule));
  }
  step["layers"] = std::move(rules);
  if (learned) step["codes"] = static_code_changes(context.model.graph, plan.grids, codes);
  return step;
}

Job run(TechniqueContext& context) {
  Graph& graph = context.model.graph;
  NameMaker names(graph);
  co_await report_progress("prepare", "", 0, 1);
  infer_shapes(graph, context.ops);
  prepare_for_static_quantization(graph, names, context.ops);
  infer_shapes(graph, context.ops);

  CalibratedLayers calibrated;
  calibrated.layers = choose_static_layers(context);
  if (calibrated.layers.empty()) co_return;
  const FallbackOptions fallback = fallback_options(context.options);
  CalibrationOptions options = calibration_options(context.options);
  const bool by_outputs = options.calibrator == kByOutputs;
  if (fallback.wanted() || by_outputs) options.keep = kSensitivitySamples;
  calibrated.form = options.form;
  calibrated.placement = place_static(context, calibrated.layers);
  Calibration calibration;
  if (context.options.given("ranges")) {
    calibration.intervals = given_intervals(context, calibrated.placement.observed);
  } else {
    co_await calibrate(context, calibrated.placement.observed, options, calibration);
  }
  calibrated.intervals = std::move(calibration.intervals);
  if (!calibration.proposals.empty()) {
    co_await choose_intervals_by_outputs(context, calibration, calibrated);
  }
  co_await learn_codes(context, calibrated, !context.options.given("ranges"));

  StaticLayers kept = calibrated.layers;
  if (fallback.wanted()) {
    co_await choose_float_layers(context, calibrated, calibration.samples, fallback, kept);
  }
  if (kept.empty()) co_return;
  StaticPlan plan;
  co_await plan_static(context, calibrated, kept, plan);
  for (const auto& [index, layer_options] : plan.layers) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    const QuantizedWeight& weight = plan.parameters.weights.at(node.input(1));
    const Shape& shape = weight.values.shape();
    nlohmann::json detail = {{"weightSqnrDb", weight.sqnr_db()},
                             {"weights", shape.elements()},
                             {"channels", shape[*channel_axis(node, 1, shape)]}};
    if (!has_integer_arithmetic(layer_options)) {
      detail["arithmetic"] = "float";
    } else if (node.is("ConvTranspose") && context.target != "whittle") {
      detail["arithmetic"] = "float in onnxruntime";
    }
    const WeightGrid& grid = plan.grids.at(node.input(1));
    if (const auto* learned = calibrated.codes.on(node.input(1), grid)) {
      detail.update(learned->report);
    }
    context.report.touch(node, std::move(detail));
  }
  context.report.explicit_step = explicit_step(context, plan, calibrated.codes);
  // Interpolation by convolution counts as arithmetic, interpolation as such does not.
  context.report.adds_arithmetic = plan.parameters.for_onnxruntime;
  emit_qdq(graph, names, plan.placement, plan.parameters);
}

OptionSpec choice(std::string name, std::string doc, std::vector<std::string> choices,
                  bool per_layer) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = OptionType::choice;
  spec.doc = std::move(doc);
  spec.default_value = choices.front();
  spec.choices = std::move(choices);
  spec.per_layer = per_layer;
  return spec;
}

std::vector<OptionSpec> static_options() {
  std::vector<OptionSpec> specs = {
      choice("activations", "type of the activations: unsigned or signed 8 bit", {"u8", "s8"},
             false),
      {.name = "activationSymmetric",
       .type = OptionType::boolean,
       .doc = "activation ranges reach equally far on both sides of zero",
       .default_value = false,
       .per_layer = false,
       .advanced = true},
      choice("weights", "one weight scale per output channel, or one per tensor",
             {"channel", "tensor"}, true),
      choice("weightType", "type of the weights: signed or unsigned 8 bit", {"s8", "u8"}, true),
      {.name = "weightSymmetric",
       .type = OptionType::boolean,
       .doc = "weight ranges reach equally far on both sides of zero",
       .default_value = true,
       .advanced = true},
      choice("depthwise",
             "\"channel\": depthwise convolutions get one scale per channel whatever `weights` "
             "says, because their channels differ most",
             {"channel", "as-weights"}, true),
      {.name = "calibrator",
       .type = OptionType::choice,
       .doc = "how activation ranges follow from the samples: \"minmax\" their extremes, "
              "\"average\" a moving average of each sample's, \"percentile\", \"entropy\" least "
              "information lost, \"mse\" least squared error, \"auto\" the best of them for each "
              "tensor, \"outputs\" the one that leaves the model's outputs nearest",
       .default_value = "minmax",
       .choices = calibrator_names(),
       .per_layer = false},
      {.name = "percentile",
       .type = OptionType::number,
       .doc = "per cent of the values that the \"percentile\" calibrator keeps inside the range",
       .default_value = 99.999,
       .unit = "%",
       .min = 50,
       .max = 100,
       .per_layer = false,
       .advanced = true},
      {.name = "samples",
       .type = OptionType::integer,
       .doc = "most calibration samples to look at; 0 takes all",
       .default_value = 128,
       .min = 0,
       .per_layer = false},
      choice(
          "firstLast",
          "whether the layers next to the model's inputs and outputs become integer too, or stay "
          "float",
          {"int8", "float"}, false),
      choice("heads",
             "the layers next to the model's outputs: \"integer\" like the others; "
             "\"float-result\" the sums are not quantized, which onnxruntime computes in float; "
             "\"float\" only their weights are stored in 8 bits",
             {"integer", "float-result", "float"}, false),
      {.name = "arithmetic",
       .type = OptionType::choice,
       .doc = "\"float\": only the weights are stored in 8 bits",
       .default_value = "integer",
       .choices = {"integer", "float"},
       .advanced = true},
      {.name = "minSqnr",
       .type = OptionType::number,
       .doc = "keep the fewest layers in float with which every output reaches this "
              "signal-to-noise ratio on the calibration data",
       .unit = "dB",
       .per_layer = false},
      {.name = "minAgreement",
       .type = OptionType::number,
       .doc = "keep the fewest layers in float with which this share of the calibration samples "
              "keeps its class",
       .min = 0,
       .max = 1,
       .per_layer = false},
      {.name = "floatBudget",
       .type = OptionType::number,
       .doc = "most of the multiply-accumulates that minSqnr and minAgreement may keep in float: "
              "within it the layers that lose most for what they cost, their weights in 8 bits, "
              "and where it is not enough as near to the bound as it goes",
       .min = 0,
       .max = 1,
       .per_layer = false},
      {.name = "floatLayers",
       .type = OptionType::integer,
       .doc = "keep so many layers in float, those that cost most accuracy when quantized alone",
       .default_value = 0,
       .min = 0,
       .per_layer = false,
       .advanced = true},
      {.name = "ranges",
       .type = OptionType::ranges,
       .doc = "activation ranges by value name, as a report writes them; no data is needed then",
       .per_layer = false,
       .advanced = true},
  };
  for (OptionSpec& option : rounding_options()) specs.push_back(std::move(option));
  return specs;
}

}  // namespace

void register_quantize_static(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "quantize-static";
  technique.summary =
      "integer convolutions and matrix products with activation ranges measured on calibration "
      "data";
  technique.ops = static_ops();
  technique.needs_passes = {"eliminate-identity", "fold-constants",     "fold-bias",
                            "fold-batchnorm",     "fuse-instance-norm", "eliminate-dead-code"};
  technique.data_passes = [](const Options& options) {
    if (options.given("ranges")) return rounding_passes(options);
    const bool bounded = options.has("minSqnr") || options.has("minAgreement");
    return rounding_passes(options) + (bounded ? 1 + kBoundPasses : 1);
  };
  technique.options = static_options();
  technique.not_after = {"quantize-*", "mixed-precision", "fp16", "palettize"};
  technique.changes_layers = true;
  technique.quantizes = true;
  technique.weight_bits = [](const Options&) { return 8.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
