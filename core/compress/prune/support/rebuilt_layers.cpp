#include "core/compress/prune/support/rebuilt_layers.h"

#include <algorithm>

#include "core/compress/graph_edit.h"
#include "core/compress/prune/support/fit_rows.h"
#include "core/compress/prune/support/float_text.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

/** Memory for the moments of a layer. */
constexpr int64_t kMostBytes = 256 << 20;

/** Adds, and rounds to what text holds. */
void add(std::span<float> values, const std::vector<float>& changes) {
  for (size_t i = 0; i < values.size(); ++i) values[i] = text_rounded(values[i] + changes[i]);
}

/** The weight of a layer: the first of its inputs that is one and constant; -1: none. */
int weight_place(const Graph& graph, const Node& node) {
  for (size_t input : weight_inputs(node)) {
    const Tensor* weight = graph.constant(node.input(input));
    if (weight != nullptr && weight->dtype() == DType::f32) return static_cast<int>(input);
  }
  return -1;
}

void set_bias(Graph& graph, NameMaker& names, Node& node, Tensor bias) {
  if (node.inputs.size() < 3) node.inputs.resize(3, kNoValue);
  const ValueId old = node.inputs[2];
  const std::string origin = old == kNoValue ? "" : graph.value(old).origin_name();
  node.inputs[2] = graph.add_constant(names.fresh("b"), std::move(bias));
  graph.value(node.inputs[2]).origin = origin;
}

}  // namespace

Job RebuiltLayers::fit(TechniqueContext& context, SampleStore& samples, Graph& smaller,
                       const KeptPlaces& kept, double ridge) {
  Model model = context.model;
  model.graph = smaller;
  NameMaker names(model.graph);
  const KernelTable& kernels = context.kernels ? *context.kernels : *kernels_for(best_tier());
  Products products(kernels, context.pool);
  for (FitLayer& layer : layers_to_fit(smaller, kept)) {
    if (FitRows::bytes(layer) > kMostBytes) continue;
    const std::string name = smaller.nodes[static_cast<size_t>(layer.node)].name;
    FitChange change;
    {
      FitRows rows(layer, context.seed);
      co_await gather_rows(context, samples, model, layer, products, rows);
      co_await fit_layer(context.cancel, name, layer, products, ridge, rows, change);
    }
    recovered_[name] = change.recovered;
    if (change.recovered == 0) continue;
    apply(model.graph, names, layer, change);
  }
  smaller = std::move(model.graph);
}

void RebuiltLayers::apply(Graph& graph, NameMaker& names, const FitLayer& layer,
                          const FitChange& change) {
  Node& node = graph.nodes[static_cast<size_t>(layer.node)];
  Tensor weight = graph.constant(layer.weight)->clone();
  add(weight.mutable_data<float>(), change.weight);
  std::string text = write_floats(weight.data<float>());
  if (!change.bias.empty()) {
    const Tensor* old = graph.constant(node.input(2));
    const Shape shape{static_cast<int64_t>(change.bias.size())};
    Tensor bias = old != nullptr ? old->clone() : Tensor::zeros(DType::f32, shape);
    add(bias.mutable_data<float>(), change.bias);
    text += ' ' + write_floats(bias.data<float>());
    set_bias(graph, names, node, std::move(bias));
  }
  graph.value(layer.weight).constant = std::move(weight);
  texts_[node.name] = std::move(text);
}

void apply_weight_texts(Graph& graph, const nlohmann::json& texts) {
  NameMaker names(graph);
  size_t applied = 0;
  // In the order of the graph, as apply() does.
  for (Node& node : graph.nodes) {
    const auto found = texts.find(node.name);
    if (found == texts.end()) continue;
    ++applied;
    const std::string where = "weights." + node.name;
    const int place = weight_place(graph, node);
    if (place < 0) {
      fail(Code::INVALID_OPTION, where, "Expected a layer with a weight for ", where,
           " but received a ", node.op);
    }
    const std::string& text = found->get_ref<const std::string&>();
    const size_t space = std::min(text.find(' '), text.size());
    Value& weight = graph.value(node.input(static_cast<size_t>(place)));
    const Shape shape = weight.constant.shape();
    const auto count = static_cast<size_t>(shape.elements());
    const std::vector<float> values =
        read_floats(std::string_view(text).substr(0, space), count, where);
    weight.constant = Tensor::of(shape, std::span<const float>(values));
    if (space == text.size()) continue;
    const int64_t outputs = shape[weight_axes(node, static_cast<size_t>(place), shape)->channel];
    const std::vector<float> bias =
        read_floats(std::string_view(text).substr(space + 1), static_cast<size_t>(outputs), where);
    set_bias(graph, names, node, Tensor::of(Shape{outputs}, std::span<const float>(bias)));
  }
  if (applied == texts.size()) return;
  fail(Code::INVALID_OPTION, "weights", "Expected layers of the model for weights but received ",
       texts.size() - applied, " names that are none");
}

}  // namespace whittle
