#include "core/base/checked.h"
#include "core/onnx/proto.h"
#include "core/onnx/read_graph.h"

namespace whittle::onnx {

std::string function_key(std::string_view domain, std::string_view name,
                         std::string_view overload) {
  return concat(domain, "::", name, ":", overload);
}

void read_function(std::string_view bytes, GraphContext& context) {
  Function function;
  std::string name, domain, overload;
  std::vector<std::string_view> defaults;
  Message message(bytes, context.tensors.source);
  while (message.next()) {
    switch (message.field()) {
      case proto::function::name:
        name = message.text();
        break;
      case proto::function::domain:
        domain = message.text();
        break;
      case proto::function::overload:
        overload = message.text();
        break;
      case proto::function::input:
        function.inputs.push_back(message.text());
        break;
      case proto::function::output:
        function.outputs.push_back(message.text());
        break;
      case proto::function::node:
        function.nodes.push_back(message.bytes());
        break;
      case proto::function::attribute_proto:
        defaults.push_back(message.bytes());
        break;
      case proto::function::opset_import: {
        std::string import_domain;
        int64_t version = 0;
        Message entry = message.message();
        while (entry.next()) {
          switch (entry.field()) {
            case proto::opset::domain:
              import_domain = entry.text();
              break;
            case proto::opset::version:
              version = entry.integer();
              break;
            default:
              entry.skip();
          }
        }
        function.opsets[import_domain == "ai.onnx" ? "" : import_domain] = version;
        break;
      }
      default:
        message.skip();
    }
  }
  function.label = concat(domain.empty() ? "ai.onnx" : domain, "::", name);
  Graph nowhere;
  const Attributes unbound;
  Scope scope;
  scope.graph = &nowhere;
  scope.bound = &unbound;
  for (std::string_view attribute : defaults) {
    NamedAttribute read = read_attribute(attribute, context, scope);
    if (read.value) function.defaults[read.name] = std::move(*read.value);
  }
  context.functions[function_key(domain, name, overload)] = std::move(function);
}

void inline_call(const NodeFields& call, const Function& function, GraphContext& context,
                 Scope& scope) {
  if (scope.depth >= kMaxSubgraphDepth) {
    fail(Code::UNSUPPORTED, function.label, "Expected function calls nested at most ",
         kMaxSubgraphDepth, " deep for ", function.label, " but received more");
  }
  if (call.inputs.size() > function.inputs.size() ||
      call.outputs.size() > function.outputs.size()) {
    fail(Code::INVALID_MODEL, function.label, "Expected at most ", function.inputs.size(),
         " inputs and ", function.outputs.size(), " outputs for ", function.label, " but received ",
         call.inputs.size(), " and ", call.outputs.size());
  }
  Attributes bound = function.defaults;
  for (std::string_view bytes : call.attributes) {
    NamedAttribute attribute = read_attribute(bytes, context, scope);
    if (attribute.value) bound[attribute.name] = std::move(*attribute.value);
  }
  Scope body;
  body.graph = scope.graph;
  body.taken = scope.taken;
  body.bound = &bound;
  body.depth = scope.depth + 1;
  body.prefix = scope.prefix + (call.name.empty() ? call.op : call.name) + "/";
  if (call.name.empty() || !scope.taken->insert(body.prefix).second) {
    body.prefix = concat(scope.prefix, call.name.empty() ? call.op : call.name, "_", context.nodes,
                         "/");  // the count of nodes read only grows
  }
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    const bool given = i < call.inputs.size() && !call.inputs[i].empty();
    body.names[function.inputs[i]] =
        given ? require(scope, call.inputs[i], function.label) : kNoValue;
  }
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const auto defined = scope.names.find(call.outputs[i]);
    if (call.outputs[i].empty() || defined == scope.names.end()) continue;
    if (!body.names.emplace(function.outputs[i], defined->second).second) {
      fail(Code::UNSUPPORTED, function.label, "Expected outputs made inside of function ",
           function.label, " but received one that is also an input");
    }
  }
  read_nodes(function.nodes, context, body);
}

}  // namespace whittle::onnx
