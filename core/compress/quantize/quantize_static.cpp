#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/calibrate.h"
#include "core/compress/quantize/support/emit_qdq.h"
#include "core/compress/quantize/support/placement.h"
#include "core/compress/quantize/support/prepare_static.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

const std::vector<std::string>& static_ops() {
  static const std::vector<std::string> ops = {"Conv", "Gemm", "MatMul"};
  return ops;
}

/** Why a layer cannot have integer arithmetic, or "". */
std::string obstacle_of(const Graph& graph, const Node& node) {
  const Tensor* weight = graph.constant(node.input(1));
  if (weight == nullptr) return "its weight is not a constant";
  if (weight->dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(weight->dtype()), ", not float32");
  }
  if (weight->elements() == 0) return "its weight is empty";
  const int rank = weight->shape().rank();
  if (node.is("Conv") ? rank < 3 : rank != 2) return "its weight is not a matrix";
  const Value& input = graph.value(node.input(0));
  if (input.is_constant()) return "its input is a constant";
  if (input.dtype != DType::f32) return "its input is not known to be float32";
  if (node.is("Gemm") && node.int_attribute("transA", 0) != 0) return "its input is transposed";
  if (node.is("Gemm") &&
      (node.float_attribute("alpha", 1) != 1 || node.float_attribute("beta", 1) != 1)) {
    return "its bias is not a constant";
  }
  const ValueId bias = node.input(2);
  if (bias == kNoValue || node.is("MatMul")) return "";
  const Tensor* constant = graph.constant(bias);
  if (constant == nullptr) return "its bias is not a constant";
  const int64_t channels = weight->shape()[*channel_axis(node, 1, weight->shape())];
  const bool row = constant->elements() == 1 ||
                   (constant->elements() == channels && constant->shape().back() == channels);
  return row ? "" : "its bias is not one value per channel";
}

/** The chosen layers by node index; the others are reported with their reasons. */
std::set<int> choose_layers(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  std::set<int> chosen;
  std::vector<int> candidates;
  for (const Layer& layer : context.layers(static_ops())) {
    std::string reason;
    if (layer.in_subgraph) {
      reason = "it lies inside a subgraph";
    } else if (!layer.selected) {
      reason = "not selected";
    } else {
      reason = obstacle_of(graph, *layer.node);
    }
    if (!reason.empty()) {
      context.report.leave(*layer.node, std::move(reason));
      continue;
    }
    candidates.push_back(static_cast<int>(layer.node - graph.nodes.data()));
  }
  const bool float_ends = context.options.text("firstLast") == "float";
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Node& node = graph.nodes[static_cast<size_t>(candidates[i])];
    if (float_ends && (i == 0 || i + 1 == candidates.size())) {
      context.report.leave(node, "first or last layer kept in float");
    } else {
      chosen.insert(candidates[i]);
    }
  }
  return chosen;
}

/** A bias of b needs |b| / (input scale * weight scale) to fit well inside int32. */
std::vector<float> least_weight_scales(const Graph& graph, const Node& node, float input_scale) {
  constexpr float kLargestBias = 0x1p30f;
  const Tensor* bias = graph.constant(node.input(2));
  if (bias == nullptr || node.is("MatMul")) return {};
  std::vector<float> least;
  for (float value : to_floats(*bias, node.label())) {
    least.push_back(std::fabs(value) / input_scale / kLargestBias);
  }
  return least;
}

QuantizedWeight quantize_per_tensor(const Tensor& weight, const std::string& name, float least) {
  WeightFormat format;
  format.granularity = Granularity::tensor;
  return quantize_weight(weight, {}, format, name, std::span<const float>(&least, 1));
}

Job quantize_weights(TechniqueContext& context, const std::set<int>& compute,
                     StaticParameters& parameters) {
  const Graph& graph = context.model.graph;
  std::map<ValueId, std::vector<float>> least;
  for (int i : compute) {
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    std::vector<float> wanted =
        least_weight_scales(graph, node, parameters.activations.at(node.input(0)).scale);
    std::vector<float>& known = least[node.input(1)];
    if (known.size() < wanted.size()) known.resize(wanted.size(), 0);
    for (size_t c = 0; c < wanted.size(); ++c) known[c] = std::max(known[c], wanted[c]);
  }
  int64_t done = 0;
  for (int i : compute) {
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    const ValueId id = node.input(1);
    ++done;
    if (!parameters.weights.contains(id)) {
      co_await report_progress("quantize weights", node.name, done,
                               static_cast<int64_t>(compute.size()));
      context.cancel.poll();
      const Tensor& weight = graph.value(id).constant;
      const std::string& name = graph.value(id).name;
      const std::vector<float>& floor = least.at(id);
      const bool one_value = floor.size() == 1;
      if (context.options.text("weights") == "tensor") {
        const float highest = floor.empty() ? 0.0f : *std::max_element(floor.begin(), floor.end());
        parameters.weights.emplace(id, quantize_per_tensor(weight, name, highest));
      } else {
        const int axis = *channel_axis(node, 1, weight.shape());
        const std::vector<float> repeated(static_cast<size_t>(weight.shape()[axis]),
                                          one_value ? floor[0] : 0.0f);
        parameters.weights.emplace(
            id, quantize_channels(weight, axis, name, one_value ? repeated : floor));
      }
    }
    context.report.touch(node, {{"weightSqnrDb", parameters.weights.at(id).sqnr_db()}});
  }
}

/** Ranges as a recipe gives them, for every value that needs one. */
std::map<ValueId, RangeOfValue> given_ranges(const TechniqueContext& context,
                                             const std::vector<ValueId>& values) {
  const nlohmann::json given = context.options.ranges("ranges");
  std::map<ValueId, RangeOfValue> ranges;
  for (ValueId id : values) {
    const std::string& name = context.model.graph.value(id).name;
    const auto found = given.find(name);
    if (found == given.end()) {
      fail(Code::INVALID_OPTION, "ranges", "Expected a range for the value \"", name,
           "\" in ranges but received none. The ranges belong to another model or recipe");
    }
    ranges[id] = {(*found)[0].get<float>(), (*found)[1].get<float>()};
  }
  return ranges;
}

/** The step with every range spelled out and the layers it took. */
nlohmann::json explicit_step(const TechniqueContext& context,
                             const std::map<ValueId, RangeOfValue>& ranges) {
  nlohmann::json step = context.options.given();
  step["technique"] = "quantize-static";
  step["firstLast"] = "int8";
  nlohmann::json table = nlohmann::json::object();
  for (const auto& [id, range] : ranges) {
    table[context.model.graph.value(id).name] = {range.min, range.max};
  }
  step["ranges"] = std::move(table);
  nlohmann::json rules = nlohmann::json::array();
  for (const StepReport::Touched& layer : context.report.touched) {
    rules.push_back({{"name", layer.name}});
  }
  step["layers"] = std::move(rules);
  return step;
}

Job run(TechniqueContext& context) {
  Graph& graph = context.model.graph;
  NameMaker names(graph);
  co_await report_progress("prepare", "", 0, 1);
  infer_shapes(graph, context.ops);
  prepare_for_static_quantization(graph, names, context.ops);
  infer_shapes(graph, context.ops);

  const std::set<int> compute = choose_layers(context);
  if (compute.empty()) co_return;
  const Placement placement = place_quantization(graph, context.ops, compute);
  std::map<ValueId, RangeOfValue> ranges;
  if (context.options.given("ranges")) {
    ranges = given_ranges(context, placement.observed);
  } else {
    co_await observe_ranges(context, placement.observed, context.options.integer("samples"),
                            ranges);
  }
  StaticParameters parameters;
  parameters.is_signed = context.options.text("activations") == "s8";
  parameters.activations = choose_parameters(graph, placement, ranges,
                                             parameters.is_signed ? kInt8Limits : kUint8Limits);
  co_await quantize_weights(context, compute, parameters);
  context.report.explicit_step = explicit_step(context, ranges);
  emit_qdq(graph, names, placement, parameters);
}

}  // namespace

void register_quantize_static(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "quantize-static";
  technique.summary =
      "integer convolutions and matrix products with activation ranges measured on calibration "
      "data";
  technique.ops = static_ops();
  technique.needs_passes = {"eliminate-identity", "fold-constants", "fold-batchnorm",
                            "eliminate-dead-code"};
  technique.data_passes = [](const Options& options) { return options.given("ranges") ? 0 : 1; };
  OptionSpec activations;
  activations.name = "activations";
  activations.type = OptionType::choice;
  activations.doc = "type of the activations: unsigned or signed 8 bit";
  activations.default_value = "u8";
  activations.choices = {"u8", "s8"};
  activations.per_layer = false;
  OptionSpec weights;
  weights.name = "weights";
  weights.type = OptionType::choice;
  weights.doc = "one weight scale per output channel, or one per tensor";
  weights.default_value = "channel";
  weights.choices = {"channel", "tensor"};
  weights.per_layer = false;
  OptionSpec calibrator;
  calibrator.name = "calibrator";
  calibrator.type = OptionType::choice;
  calibrator.doc = "how ranges follow from the samples: \"minmax\" takes the extremes";
  calibrator.default_value = "minmax";
  calibrator.choices = {"minmax"};
  calibrator.per_layer = false;
  OptionSpec samples;
  samples.name = "samples";
  samples.type = OptionType::integer;
  samples.doc = "most calibration samples to look at; 0 takes all";
  samples.default_value = 128;
  samples.min = 0;
  samples.per_layer = false;
  OptionSpec ends;
  ends.name = "firstLast";
  ends.type = OptionType::choice;
  ends.doc = "whether the first and the last layer become integer too, or stay float";
  ends.default_value = "int8";
  ends.choices = {"int8", "float"};
  ends.per_layer = false;
  OptionSpec ranges;
  ranges.name = "ranges";
  ranges.type = OptionType::ranges;
  ranges.doc = "activation ranges by value name, as a report writes them; no data is needed then";
  ranges.per_layer = false;
  technique.options = {activations, weights, calibrator, samples, ends, ranges};
  technique.not_after = {"quantize-*", "fp16", "palettize"};
  technique.changes_layers = true;
  technique.quantizes = true;
  technique.weight_bits = [](const Options&) { return 8.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
