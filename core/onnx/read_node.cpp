#include "core/onnx/proto.h"
#include "core/onnx/read_graph.h"

namespace whittle::onnx {
namespace {

NodeFields read_fields(std::string_view bytes, const Source& source) {
  NodeFields fields;
  Message message(bytes, source);
  while (message.next()) {
    switch (message.field()) {
      case proto::node::input:
        fields.inputs.push_back(message.text());
        break;
      case proto::node::output:
        fields.outputs.push_back(message.text());
        break;
      case proto::node::name:
        fields.name = message.text();
        break;
      case proto::node::op_type:
        fields.op = message.text();
        break;
      case proto::node::domain:
        fields.domain = message.text();
        break;
      case proto::node::overload:
        fields.overload = message.text();
        break;
      case proto::node::attribute:
        fields.attributes.push_back(message.bytes());
        break;
      default:
        message.skip();
    }
  }
  if (fields.domain == "ai.onnx") fields.domain.clear();
  // Trailing empty names say the same as leaving them out.
  while (!fields.inputs.empty() && fields.inputs.back().empty()) fields.inputs.pop_back();
  while (!fields.outputs.empty() && fields.outputs.back().empty()) fields.outputs.pop_back();
  return fields;
}

void define_outputs(const NodeFields& fields, Scope& scope) {
  for (const std::string& name : fields.outputs) {
    if (name.empty()) continue;
    // The outputs of a function's body are the caller's values: bound to names beforehand.
    if (scope.bound != nullptr && scope.names.contains(name)) continue;
    define(scope, name);
  }
}

Node make_node(const NodeFields& fields, GraphContext& context, Scope& scope) {
  Node node;
  node.op = fields.op;
  node.domain = fields.domain;
  node.name = fields.name.empty() ? "" : scope.prefix + fields.name;
  const std::string where = node.label();
  for (const std::string& name : fields.inputs) {
    node.inputs.push_back(name.empty() ? kNoValue : require(scope, name, where));
  }
  for (const std::string& name : fields.outputs) {
    node.outputs.push_back(name.empty() ? kNoValue : scope.names.at(name));
  }
  for (std::string_view bytes : fields.attributes) {
    NamedAttribute attribute = read_attribute(bytes, context, scope);
    if (attribute.value) {
      node.attributes.insert_or_assign(std::move(attribute.name), std::move(*attribute.value));
    }
  }
  return node;
}

/** Turns a Constant node into a constant value. */
void set_constant(Graph& graph, const Node& node) {
  if (node.output(0) == kNoValue) return;
  Value& value = graph.value(node.output(0));
  value.constant = constant_of(node);
  value.dtype = value.constant.dtype();
  value.dims = to_dims(value.constant.shape());
}

}  // namespace

Tensor constant_of(const Node& node) {
  const auto vector_shape = [](size_t count) { return Shape{static_cast<int64_t>(count)}; };
  if (node.has("value")) return node.tensor_attribute("value");
  if (node.has("sparse_value")) return node.tensor_attribute("sparse_value");
  if (node.has("value_float")) return Tensor::scalar(node.float_attribute("value_float", 0));
  if (node.has("value_int")) return Tensor::scalar(node.int_attribute("value_int", 0));
  if (node.has("value_floats")) {
    const std::vector<float> values = node.floats_attribute("value_floats");
    return Tensor::of(vector_shape(values.size()), std::span<const float>(values));
  }
  if (node.has("value_ints")) {
    const std::vector<int64_t> values = node.ints_attribute("value_ints");
    return Tensor::of(vector_shape(values.size()), std::span<const int64_t>(values));
  }
  if (node.has("value_string") || node.has("value_strings")) {
    const bool one = node.has("value_string");
    std::vector<std::string> values = node.strings_attribute(one ? "" : "value_strings");
    if (one) values = {node.string_attribute("value_string", "")};
    Tensor tensor = Tensor::allocate(DType::string, one ? Shape{} : vector_shape(values.size()));
    tensor.mutable_strings() = std::move(values);
    return tensor;
  }
  fail(Code::INVALID_MODEL, node.label(), "Expected a value for ", node.label(),
       " but received none");
}

void read_nodes(const std::vector<std::string_view>& nodes, GraphContext& context, Scope& scope) {
  std::vector<NodeFields> all;
  all.reserve(nodes.size());
  for (std::string_view bytes : nodes) {
    if (++context.nodes > kMaxNodes) {
      fail(Code::LIMIT_EXCEEDED, scope.graph->name, "Expected at most ", kMaxNodes,
           " nodes but received more");
    }
    all.push_back(read_fields(bytes, context.tensors.source));
    define_outputs(all.back(), scope);
  }
  for (const NodeFields& fields : all) {
    const auto function =
        context.functions.find(function_key(fields.domain, fields.op, fields.overload));
    if (function != context.functions.end()) {
      inline_call(fields, function->second, context, scope);
      continue;
    }
    Node node = make_node(fields, context, scope);
    if (node.is("Constant")) {
      set_constant(*scope.graph, node);
    } else {
      scope.graph->nodes.push_back(std::move(node));
    }
  }
}

}  // namespace whittle::onnx
