#include "core/onnx/read_graph.h"

#include "core/graph/traversal.h"
#include "core/onnx/proto.h"
#include "core/onnx/read_type.h"
#include "core/onnx/rewrite.h"

namespace whittle::onnx {
namespace {

/** A ValueInfoProto. */
struct ValueInfo {
  std::string name;
  ReadType read;
};

ValueInfo read_value_info(Message message) {
  ValueInfo info;
  while (message.next()) {
    switch (message.field()) {
      case proto::value_info::name:
        info.name = message.text();
        break;
      case proto::value_info::type:
        info.read = read_type(message.message());
        break;
      default:
        message.skip();
    }
  }
  return info;
}

void set_type(Value& value, const ValueType& type) {
  if (value.is_constant()) return;
  if (value.dtype == DType::undefined) {
    static_cast<ValueType&>(value) = type;
    return;
  }
  if (type.dtype != DType::undefined) value.dtype = type.dtype;
  if (!value.dims) value.dims = type.dims;
  if (type.element != DType::undefined) value.element = type.element;
  if (!value.element_dims) value.element_dims = type.element_dims;
}

/** The parts of a GraphProto, which may come in any order. */
struct Fields {
  std::string name;
  std::vector<std::string_view> nodes;
  std::vector<std::string_view> initializers;
  std::vector<std::string_view> sparse_initializers;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> infos;
};

Fields read_fields(std::string_view bytes, const Source& source) {
  Fields fields;
  Message message(bytes, source);
  while (message.next()) {
    switch (message.field()) {
      case proto::graph::name:
        fields.name = message.text();
        break;
      case proto::graph::node:
        fields.nodes.push_back(message.bytes());
        break;
      case proto::graph::initializer:
        fields.initializers.push_back(message.bytes());
        break;
      case proto::graph::sparse_initializer:
        fields.sparse_initializers.push_back(message.bytes());
        break;
      case proto::graph::input:
        fields.inputs.push_back(read_value_info(message.message()));
        break;
      case proto::graph::output:
        fields.outputs.push_back(read_value_info(message.message()));
        break;
      case proto::graph::value_info:
        fields.infos.push_back(read_value_info(message.message()));
        break;
      default:
        message.skip();
    }
  }
  return fields;
}

void add_initializer(NamedTensor named, Scope& scope) {
  Value& value = scope.graph->value(define(scope, named.name));
  value.dtype = named.tensor.dtype();
  value.dims = to_dims(named.tensor.shape());
  value.constant = std::move(named.tensor);
}

void check_supported(const ValueInfo& info, const char* kind) {
  if (info.read.unsupported.empty()) return;
  fail(Code::UNSUPPORTED, info.name, "Expected a tensor, sequence of tensors or optional for ",
       kind, " '", info.name, "' but received ", info.read.unsupported);
}

}  // namespace

Graph read_graph(std::string_view bytes, GraphContext& context, Scope* outer) {
  Fields fields = read_fields(bytes, context.tensors.source);
  Graph graph;
  graph.name = fields.name;
  std::unordered_set<std::string> taken;
  Scope scope;
  scope.graph = &graph;
  scope.outer = outer;
  scope.taken = &taken;
  scope.bound = outer == nullptr ? nullptr : outer->bound;
  scope.depth = outer == nullptr ? 0 : outer->depth + 1;

  const Storage storage = scope.bound == nullptr ? Storage::slice : Storage::copy;
  for (std::string_view tensor : fields.initializers) {
    add_initializer(read_tensor(tensor, context.tensors, storage), scope);
  }
  for (std::string_view tensor : fields.sparse_initializers) {
    add_initializer(read_sparse_tensor(tensor, context.tensors, storage), scope);
  }
  for (const ValueInfo& info : fields.inputs) {
    check_supported(info, "input");
    // Before IR 4 every initializer was listed as an input too; later it means a default. Either
    // way it is a constant here.
    const auto constant = scope.names.find(info.name);
    if (constant != scope.names.end() && graph.value(constant->second).is_constant()) continue;
    const ValueId id = define(scope, info.name);
    set_type(graph.value(id), info.read.type);
    graph.inputs.push_back(id);
  }
  read_nodes(fields.nodes, context, scope);
  for (const ValueInfo& info : fields.infos) {
    const auto found = scope.names.find(info.name);
    if (found == scope.names.end() || found->second == kNoValue) continue;
    // Only the type: shapes noted by an exporter outlive edits of the inputs and then mislead.
    Value& value = graph.value(found->second);
    if (value.dtype != DType::undefined) continue;
    value.dtype = info.read.type.dtype;
    value.element = info.read.type.element;
  }
  for (const ValueInfo& info : fields.outputs) {
    check_supported(info, "output");
    const ValueId id = require(scope, info.name, "the outputs of graph '" + graph.name + "'");
    set_type(graph.value(id), info.read.type);
    graph.outputs.push_back(id);
  }
  name_nodes(graph);
  sort_topologically(graph);
  return graph;
}

}  // namespace whittle::onnx
