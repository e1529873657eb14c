#include <algorithm>
#include <set>

#include "core/compress/prune/support/float_text.h"
#include "core/compress/prune/support/sparse_weights.h"
#include "core/compress/weights.h"
#include "core/kernels/pack.h"

namespace whittle {
namespace {

bool needs_samples(const std::string& method) {
  return method == "wanda" || method == "sparsegpt";
}

/** Masks, and for what was moved the numbers that stay. */
nlohmann::json texts_of(const std::vector<SparseWeight>& weights) {
  nlohmann::json texts = nlohmann::json::object();
  for (const SparseWeight& weight : weights) {
    if (!weight.obstacle.empty()) continue;
    std::string text = write_mask(weight.mask);
    if (weight.result.defined()) {
      std::vector<float> kept;
      const std::span<const float> values = weight.result.data<float>();
      for (size_t i = 0; i < values.size(); ++i) {
        if (!weight.mask[i]) kept.push_back(values[i]);
      }
      text += ' ' + write_floats(kept);
    }
    texts[weight.name()] = std::move(text);
  }
  return texts;
}

void read_texts(std::vector<SparseWeight>& weights, const nlohmann::json& texts) {
  for (const auto& [name, json] : texts.items()) {
    const auto known = std::any_of(
        weights.begin(), weights.end(),
        [&, &wanted = name](const SparseWeight& each) { return each.name() == wanted; });
    if (known) continue;
    fail(Code::INVALID_OPTION, "masks", "Expected the name of a weight for masks but received \"",
         name, "\"");
  }
  for (SparseWeight& weight : weights) {
    const auto found = texts.find(weight.name());
    if (found == texts.end()) {
      weight.obstacle = "the recipe has no mask for it";
      continue;
    }
    const std::string where = "masks." + weight.name();
    const std::string_view text = found->get_ref<const std::string&>();
    const size_t space = std::min(text.find(' '), text.size());
    const Tensor& tensor = weight.tensor();
    weight.mask = read_mask(text.substr(0, space), static_cast<size_t>(tensor.elements()), where);
    if (space == text.size()) continue;
    const auto kept =
        static_cast<size_t>(std::count(weight.mask.begin(), weight.mask.end(), false));
    const std::vector<float> values = read_floats(text.substr(space + 1), kept, where);
    weight.result = Tensor::zeros(DType::f32, tensor.shape());
    size_t next = 0;
    for (size_t i = 0; i < weight.mask.size(); ++i) {
      if (!weight.mask[i]) weight.result.mutable_data<float>()[i] = values[next++];
    }
  }
}

int64_t rows_of(const Graph& graph, const Node& node, int64_t outputs) {
  int64_t elements = 1;
  const auto& dims = graph.value(node.output(0)).dims;
  if (!dims) return 1;
  for (const Dim& dim : *dims) elements *= dim.known() ? dim.value : 1;
  return elements / std::max<int64_t>(1, outputs);
}

/** What zeros do to the time of a layer in this library's runtime. */
std::string effect_on_time(const Graph& graph, const Layer& layer, const Tensor& weight,
                           int64_t nonzeros) {
  const Node& node = *layer.node;
  const Shape& shape = weight.shape();
  const bool product = (node.is("Gemm") || node.is("MatMul")) && shape.rank() == 2;
  const bool pointwise = node.is("Conv") && node.int_attribute("group", 1) == 1 &&
                         shape.elements(2, shape.rank()) == 1;
  if (!product && !pointwise) return "none: sparse kernels are for 1x1 convolutions and products";
  const auto channel = channel_axis(node, 1, shape);
  const int64_t outputs = channel ? shape[*channel] : 1;
  const int64_t inputs = weight.elements() / std::max<int64_t>(1, outputs);
  const int64_t rows = layer.in_subgraph ? 1 : rows_of(graph, node, outputs);
  const bool faster = sparse_is_faster(static_cast<size_t>(nonzeros), static_cast<size_t>(inputs),
                                       static_cast<size_t>(outputs), static_cast<size_t>(rows));
  return faster ? "less: a sparse kernel" : "none: too few zeros for a sparse kernel";
}

/** Finished weights, and what is to be said of them. */
void finish(TechniqueContext& context, std::vector<SparseWeight>& weights) {
  std::set<const Node*> said;
  for (SparseWeight& weight : weights) {
    const Layer& layer = weight.layers.front();
    const Node& node = *layer.node;
    if (!weight.obstacle.empty()) {
      if (said.insert(&node).second) context.report.leave(node, weight.obstacle);
      continue;
    }
    if (!weight.result.defined()) weight.result = masked(weight.tensor(), weight.mask);
    double power = 0;
    double lost = 0;
    int64_t zeros = 0;
    const std::span<const float> before = weight.tensor().data<float>();
    const std::span<const float> after = weight.result.data<float>();
    for (size_t i = 0; i < before.size(); ++i) {
      const double difference = static_cast<double>(before[i]) - after[i];
      power += static_cast<double>(before[i]) * before[i];
      lost += difference * difference;
      zeros += after[i] == 0 ? 1 : 0;
    }
    const auto elements = static_cast<double>(before.size());
    context.report.touch(node, {{"weight", weight.name()},
                                {"sparsity", static_cast<double>(zeros) / elements},
                                {"zeros", zeros},
                                {"time", effect_on_time(context.model.graph, layer, weight.tensor(),
                                                        weight.tensor().elements() - zeros)},
                                {"relativeError", power > 0 ? std::sqrt(lost / power) : 0.0}});
  }
}

Job run(TechniqueContext& context) {
  const Options& options = context.options;
  const std::string method = options.text("method");
  const bool global = options.text("scope") == "global";
  const ConstantFinder constants(context.model.graph);
  std::vector<SparseWeight> weights = sparse_weights(context, constants);
  if (options.given("masks")) {
    read_texts(weights, options.texts("masks"));
  } else if (needs_samples(method)) {
    co_await sparsify_on_data(context, weights, method == "sparsegpt", global);
  } else {
    for (SparseWeight& weight : weights) {
      co_await report_progress("score weights", weight.name());
      context.cancel.poll();
      if (method == "magnitude") score_by_magnitude(weight);
      if (method == "random") score_by_chance(weight, context.seed);
    }
    choose_masks(weights, global, options.number("sparsity"), false);
  }
  if (needs_samples(method) && !options.given("masks")) {
    context.report.explicit_step = {{"technique", "prune-weights"}, {"masks", texts_of(weights)}};
    nlohmann::json rules = nlohmann::json::array();
    for (const LayerRule& rule : context.rules) {
      nlohmann::json each = to_json(rule);
      rules.push_back(std::move(each));
    }
    if (!rules.empty()) context.report.explicit_step["layers"] = std::move(rules);
  }
  finish(context, weights);
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    for (const SparseWeight& weight : weights) {
      if (weight.constant.owner != before || !weight.obstacle.empty()) continue;
      graph.value(weight.constant.id).constant = weight.result;
    }
  });
}

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> specs;
  specs.push_back({.name = "sparsity",
                   .doc = "share of the weights to set to zero",
                   .default_value = 0.5,
                   .min = 0,
                   .max = 1});
  specs.push_back({.name = "method",
                   .type = OptionType::choice,
                   .doc = "the smallest weights (magnitude), or chance; on calibration data the "
                          "smallest times the size of their inputs (wanda), or those that the "
                          "others can make up for, and they do (sparsegpt)",
                   .default_value = "magnitude",
                   .choices = {"magnitude", "wanda", "sparsegpt", "random"},
                   .per_layer = false});
  specs.push_back({.name = "scope",
                   .type = OptionType::choice,
                   .doc = "\"layer\": the same share of every layer; \"global\": one threshold for "
                          "all layers",
                   .default_value = "layer",
                   .choices = {"layer", "global"},
                   .per_layer = false});
  specs.push_back({.name = "pattern",
                   .type = OptionType::choice,
                   .doc = "single weights, or as many neighbouring output channels at the same "
                          "input together, which sparse kernels are faster on",
                   .default_value = "1x1",
                   .choices = {"1x1", "4x1", "8x1"}});
  specs.push_back({.name = "depthwise",
                   .type = OptionType::boolean,
                   .doc = "depthwise convolutions too: a few bytes for a large error",
                   .default_value = false});
  specs.push_back({.name = "samples",
                   .type = OptionType::integer,
                   .doc = "most calibration samples to look at; 0 takes all",
                   .default_value = 128,
                   .min = 0,
                   .per_layer = false});
  specs.push_back({.name = "masks",
                   .type = OptionType::texts,
                   .doc = "which weights are zero by weight name, and what the others are, as a "
                          "report writes it; no data is needed then",
                   .per_layer = false,
                   .advanced = true});
  return specs;
}

int data_passes(const Options& options) {
  return needs_samples(options.text("method")) && !options.given("masks") ? 1 : 0;
}

}  // namespace

void register_prune_weights(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "prune-weights";
  technique.summary =
      "single weights or small blocks set to zero: a smaller file once compressed, stored dense";
  technique.ops = weight_ops();
  technique.needs_passes = weight_passes();
  technique.options = options();
  technique.data_passes = data_passes;
  technique.not_after = {"fp16", "quantize-*", "mixed-precision", "palettize"};
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
