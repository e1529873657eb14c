#include <map>
#include <optional>
#include <tuple>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/quantized_forms.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

using Inputs = QuantizedForm::Inputs;

/** Scale and zero point that a quantized value was stored with. */
struct Parameters {
  ValueId scale = kNoValue;
  ValueId zero_point = kNoValue;
};

class Converter {
 public:
  Converter(Graph& graph, const PassContext& context) : graph_(graph), ops_(context.ops) {}

  bool run() {
    bool changed = false;
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    for (Node& node : nodes) {
      changed = convert(node) || changed;
    }
    return changed;
  }

 private:
  bool has_one_element(ValueId id) const {
    const Tensor* tensor = graph_.constant(id);
    return tensor != nullptr && tensor->elements() == 1;
  }

  void append(std::string op, std::vector<ValueId> inputs, ValueId output,
              Attributes attributes = {}) {
    Node node;
    node.name = graph_.value(output).name + "/" + op;
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.outputs = {output};
    node.attributes = std::move(attributes);
    graph_.nodes.push_back(std::move(node));
  }

  ValueId float_value(ValueId quantized, const char* suffix) {
    const Value& value = graph_.value(quantized);
    const std::string name = value.name + suffix;
    const std::string origin = value.origin_name();
    const ValueId made = graph_.add_value(name, DType::f32, value.dims);
    graph_.value(made).origin = origin;
    return made;
  }

  /** The float form of a quantized value, made once for each scale it is read with. */
  ValueId dequantize(ValueId value, Parameters parameters, std::optional<int64_t> axis = {}) {
    const auto [place, added] = dequantized_.try_emplace(
        {value, parameters.scale, parameters.zero_point, axis.value_or(-1)}, kNoValue);
    if (!added) return place->second;
    const ValueId made = float_value(value, "_f");
    place->second = made;
    Attributes attributes;
    if (axis) attributes["axis"] = *axis;
    std::vector<ValueId> inputs = {value, parameters.scale};
    if (parameters.zero_point != kNoValue) inputs.push_back(parameters.zero_point);
    append("DequantizeLinear", std::move(inputs), made, std::move(attributes));
    return made;
  }

  void quantize(ValueId real, ValueId quantized, Parameters parameters) {
    std::vector<ValueId> inputs = {real, parameters.scale};
    if (parameters.zero_point != kNoValue) inputs.push_back(parameters.zero_point);
    append("QuantizeLinear", std::move(inputs), quantized);
    made_with_[quantized] = parameters;
  }

  /** Weights of a product, their scales along the output channels. */
  std::optional<ValueId> weight(const Node& node, bool channels_first) {
    const Tensor* w = graph_.constant(node.input(3));
    const Tensor* scale = graph_.constant(node.input(4));
    if (scale == nullptr) return std::nullopt;
    std::optional<int64_t> axis;
    if (scale->elements() > 1) {
      if (w == nullptr || scale->shape().rank() != 1) return std::nullopt;
      axis = channels_first ? 0 : w->shape().rank() - 1;
    }
    return dequantize(node.input(3), {node.input(4), matching_zero_point(node)}, axis);
  }

  /** DequantizeLinear wants as many zero points as scales; QLinearConv lets one do for all. */
  ValueId matching_zero_point(const Node& node) {
    const Tensor* scale = graph_.constant(node.input(4));
    const Tensor* zero = graph_.constant(node.input(5));
    if (zero == nullptr || zero->elements() == scale->elements()) return node.input(5);
    Tensor repeated = Tensor::allocate(zero->dtype(), scale->shape());
    for (int64_t i = 0; i < repeated.elements(); ++i) repeated.mutable_raw()[i] = zero->raw()[0];
    return graph_.add_constant(graph_.value(node.input(5)).name + "_each", std::move(repeated));
  }

  /** An int32 bias in units of x_scale * w_scale[c]. */
  ValueId bias(const Node& node, ValueId id) {
    const float x = graph_.constant(node.input(1))->data<float>()[0];
    Tensor scales = graph_.constant(node.input(4))->clone();
    for (float& scale : scales.mutable_data<float>()) scale *= x;
    std::optional<int64_t> axis;
    if (scales.elements() > 1) axis = 0;
    const ValueId units = graph_.add_constant(graph_.value(id).name + "_scale", std::move(scales));
    return dequantize(id, {units, kNoValue}, axis);
  }

  std::optional<std::vector<ValueId>> product_inputs(const Node& node, bool channels_first,
                                                     ValueId bias_id) {
    if (!has_one_element(node.input(1))) return std::nullopt;
    if (graph_.constant(node.input(4)) == nullptr) return std::nullopt;
    const std::optional<ValueId> w = weight(node, channels_first);
    if (!w) return std::nullopt;
    std::vector<ValueId> inputs = {dequantize(node.input(0), {node.input(1), node.input(2)}), *w};
    if (bias_id != kNoValue) inputs.push_back(bias(node, bias_id));
    return inputs;
  }

  bool convert(Node& node) {
    const QuantizedForm* form = form_of_quantized(node);
    if (form == nullptr) {
      remember(node);
      return convert_move(node);
    }
    std::optional<std::vector<ValueId>> inputs;
    Parameters y;
    switch (form->inputs) {
      case Inputs::product:
        inputs = product_inputs(node, form->op == "Conv", node.input(8));
        y = {node.input(6), node.input(7)};
        break;
      case Inputs::gemm:
        inputs = product_inputs(node, node.int_attribute("transB", 0) != 0, node.input(6));
        y = {node.input(7), node.input(8)};
        break;
      case Inputs::binary:
        inputs = {{dequantize(node.input(0), {node.input(1), node.input(2)}),
                   dequantize(node.input(3), {node.input(4), node.input(5)})}};
        y = {node.input(6), node.input(7)};
        break;
      case Inputs::unary:
        if (node.int_attribute("channels_last", 0) == 0) {
          inputs = {{dequantize(node.input(0), {node.input(1), node.input(2)})}};
        }
        y = {node.input(3), node.input(4)};
        break;
      case Inputs::variadic:
        inputs.emplace();
        for (size_t i = 2; i + 2 < node.inputs.size(); i += 3) {
          inputs->push_back(dequantize(node.input(i), {node.input(i + 1), node.input(i + 2)}));
        }
        y = {node.input(0), node.input(1)};
        break;
    }
    if (!inputs) {
      graph_.nodes.push_back(std::move(node));
      return false;
    }
    const ValueId quantized = node.outputs[0];
    node.op = form->op;
    node.domain.clear();
    node.inputs = std::move(*inputs);
    for (const char* own : {"channels_last", "opset"}) node.attributes.erase(own);
    if (y.scale == kNoValue) {  // QGemm with a float result
      graph_.nodes.push_back(std::move(node));
      return true;
    }
    const ValueId real = float_value(quantized, "_real");
    node.outputs[0] = real;
    graph_.nodes.push_back(std::move(node));
    quantize(real, quantized, y);
    return true;
  }

  void remember(const Node& node) {
    if (node.is("QuantizeLinear") && has_one_element(node.input(1))) {
      made_with_[node.outputs[0]] = {node.input(1), node.input(2)};
    }
  }

  /** A move of quantized values stands between two pairs, so that runtimes see its scale. */
  bool convert_move(Node& node) {
    const auto known = made_with_.find(node.input(0));
    if (known == made_with_.end() || node.outputs.empty() || !moves_quantized(node, ops_)) {
      graph_.nodes.push_back(std::move(node));
      return false;
    }
    const Parameters parameters = known->second;
    node.inputs[0] = dequantize(node.inputs[0], parameters);
    std::vector<std::pair<ValueId, ValueId>> ends;
    for (ValueId& out : node.outputs) {
      if (out == kNoValue) continue;
      const ValueId real = float_value(out, "_real");
      ends.emplace_back(real, out);
      out = real;
    }
    graph_.nodes.push_back(std::move(node));
    for (const auto& [real, quantized] : ends) quantize(real, quantized, parameters);
    return true;
  }

  Graph& graph_;
  const OpTable& ops_;
  std::map<std::tuple<ValueId, ValueId, ValueId, int64_t>, ValueId> dequantized_;
  std::map<ValueId, Parameters> made_with_;
};

}  // namespace

/** QOperator nodes become float operators between DequantizeLinear and QuantizeLinear, which
 * runtimes turn into the same arithmetic. */
bool qoperator_to_qdq(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return qoperator_to_qdq(subgraph, context); });
  }
  return Converter(graph, context).run() || changed;
}

}  // namespace whittle
