#include "core/compress/prune/support/rebuilt_layers.h"

#include <algorithm>

#include "core/compress/graph_edit.h"
#include "core/compress/prune/support/float_text.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

void round_all(std::span<float> values) {
  for (float& value : values) value = text_rounded(value);
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

Job RebuiltLayers::compute(TechniqueContext& context, const Readers& readers,
                           const std::set<int>& removed, double ridge) {
  for (size_t r = 0; r < readers.layers.size(); ++r) {
    const ReaderLayer& reader = readers.layers[r];
    const bool loses = std::any_of(reader.classes.begin(), reader.classes.end(),
                                   [&](int root) { return removed.contains(root); });
    if (!loses || !readers.statistics[r]) continue;
    Rebuilt one;
    one.reader = &reader;
    co_await rebuild(context.cancel, context.model.graph, reader, *readers.statistics[r], removed,
                     ridge, one.layer);
    rebuilt_.push_back(std::move(one));
  }
}

void RebuiltLayers::apply(Graph& smaller, const KeptPlaces& kept) {
  NameMaker names(smaller);
  for (const Rebuilt& one : rebuilt_) {
    const ReaderLayer& reader = *one.reader;
    Node& node = smaller.nodes[static_cast<size_t>(reader.node)];
    Tensor weight = one.layer.weight;
    for (int axis = 0; axis < weight.shape().rank(); ++axis) {
      const auto places = kept.find({reader.weight, axis});
      if (places != kept.end()) weight = kept_part(weight, axis, places->second);
    }
    weight = weight.clone();
    round_all(weight.mutable_data<float>());
    std::string text = write_floats(weight.data<float>());
    if (!one.layer.bias_change.empty()) {
      const std::vector<float>& change = one.layer.bias_change;
      Tensor bias =
          Tensor::of(Shape{static_cast<int64_t>(change.size())}, std::span<const float>(change));
      const auto axes = weight_axes(node, reader.weight_input, one.layer.weight.shape());
      const auto places = kept.find({reader.weight, axes->channel});
      bias = places == kept.end() ? bias.clone() : kept_part(bias, 0, places->second);
      if (const Tensor* old = smaller.constant(node.input(2))) {
        const std::span<const float> values = old->data<float>();
        for (size_t i = 0; i < values.size(); ++i) bias.mutable_data<float>()[i] += values[i];
      }
      round_all(bias.mutable_data<float>());
      text += ' ' + write_floats(bias.data<float>());
      set_bias(smaller, names, node, std::move(bias));
    }
    smaller.value(reader.weight).constant = std::move(weight);
    texts_[node.name] = std::move(text);
    recovered_[node.name] = one.layer.recovered;
  }
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
