#include "core/onnx/adopt_fused.h"

#include <optional>
#include <string_view>

#include "core/onnx/rewrite.h"

namespace whittle::onnx {
namespace {

/** An operator of one input and up to two numbers. */
struct Activation {
  std::string_view name;
  std::string_view first = {}, second = {};  // the attributes that say them
};

constexpr Activation kActivations[] = {
    {"Relu"}, {"Tanh"}, {"Sigmoid"}, {"LeakyRelu", "alpha"}, {"HardSigmoid", "alpha", "beta"},
    {"Clip"},
};

const Activation* find_activation(const std::string& name) {
  for (const Activation& each : kActivations) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

/** The numbers: a list in FusedConv, attributes of their own in FusedGemm. */
std::vector<float> parameters(const Node& node) {
  std::vector<float> made = node.floats_attribute("activation_params");
  for (const char* name : {"activation_alpha", "activation_beta"}) {
    if (node.has(name)) made.push_back(node.float_attribute(name, 0.0f));
  }
  return made;
}

/** `node` becomes the activation of `x`. */
void become_activation(Graph& graph, Node& node, const Activation& activation, ValueId x,
                       const std::vector<float>& numbers) {
  node.op = activation.name;
  node.attributes.clear();
  node.inputs = {x};
  if (activation.name == "Clip") {
    for (size_t i = 0; i < numbers.size() && i < 2; ++i) {
      node.inputs.push_back(add_scalar_like(graph, node, i == 0 ? "min" : "max", numbers[i], x));
    }
    return;
  }
  const std::string_view names[] = {activation.first, activation.second};
  for (size_t i = 0; i < numbers.size() && i < 2; ++i) {
    if (!names[i].empty()) node.attributes[std::string(names[i])] = numbers[i];
  }
}

}  // namespace

void adopt_fused(Graph& graph, Node& node) {
  const std::string stated = node.string_attribute("activation", "");
  const Activation* activation = find_activation(stated);
  if ((activation == nullptr && !stated.empty()) || node.input(0) == kNoValue) return;
  const std::vector<float> numbers = parameters(node);
  std::erase_if(node.attributes,
                [](const auto& item) { return item.first.starts_with("activation"); });
  const bool is_conv = node.op == "FusedConv";
  const ValueId sum = is_conv ? node.input(3) : kNoValue;
  if (is_conv && node.inputs.size() > 3) node.inputs.resize(3);
  trim_inputs(node);
  node.op = is_conv ? "Conv" : "Gemm";
  node.domain.clear();
  const DType dtype = graph.value(node.inputs[0]).dtype;
  const auto behind = [&] {
    return add_node(graph, node, node.op, node.inputs, node.attributes, dtype);
  };
  if (sum != kNoValue) {
    node.inputs = {behind(), sum};
    node.attributes.clear();
    node.op = "Add";
  }
  if (activation != nullptr) become_activation(graph, node, *activation, behind(), numbers);
}

}  // namespace whittle::onnx
