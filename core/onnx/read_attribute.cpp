#include <optional>

#include "core/base/checked.h"
#include "core/onnx/proto.h"
#include "core/onnx/read_graph.h"
#include "core/onnx/read_type.h"

namespace whittle::onnx {
namespace {

using proto::attribute::Type;

/** Everything an AttributeProto may hold; `type` says which of it counts. */
struct Fields {
  std::string name;
  std::string reference;
  int64_t type = Type::UNDEFINED;
  int64_t seen = Type::UNDEFINED;  // the kind of the last value field: IR 1 wrote no type
  float number = 0;
  int64_t integer = 0;
  std::string text;
  Tensor tensor;
  std::shared_ptr<const Graph> graph;
  std::vector<float> numbers;
  std::vector<int64_t> integers;
  std::vector<std::string> texts;
  std::vector<Tensor> tensors;
  std::vector<std::shared_ptr<const Graph>> graphs;
  ReadType value_type;
};

std::shared_ptr<const Graph> subgraph(std::string_view bytes, GraphContext& context, Scope& scope) {
  if (scope.depth >= kMaxSubgraphDepth) {
    fail(Code::LIMIT_EXCEEDED, scope.graph->name, "Expected subgraphs nested at most ",
         kMaxSubgraphDepth, " deep but received more");
  }
  return std::make_shared<const Graph>(read_graph(bytes, context, &scope));
}

Fields read_fields(std::string_view bytes, GraphContext& context, Scope& scope) {
  // A function's body is read once per call: its tensors must not be moved inside the file.
  const Storage storage = scope.bound == nullptr ? Storage::slice : Storage::copy;
  Fields fields;
  Message message(bytes, context.tensors.source);
  while (message.next()) {
    switch (message.field()) {
      case proto::attribute::name:
        fields.name = message.text();
        break;
      case proto::attribute::ref_attr_name:
        fields.reference = message.text();
        break;
      case proto::attribute::type:
        fields.type = message.integer();
        break;
      case proto::attribute::f:
        fields.number = message.number();
        fields.seen = Type::FLOAT;
        break;
      case proto::attribute::i:
        fields.integer = message.integer();
        fields.seen = Type::INT;
        break;
      case proto::attribute::s:
        fields.text = message.text();
        fields.seen = Type::STRING;
        break;
      case proto::attribute::t:
        fields.tensor = read_tensor(message.bytes(), context.tensors, storage).tensor;
        fields.seen = Type::TENSOR;
        break;
      case proto::attribute::sparse_tensor:
        fields.tensor = read_sparse_tensor(message.bytes(), context.tensors, storage).tensor;
        fields.seen = Type::SPARSE_TENSOR;
        break;
      case proto::attribute::g:
        fields.graph = subgraph(message.bytes(), context, scope);
        fields.seen = Type::GRAPH;
        break;
      case proto::attribute::floats:
        message.append_floats(fields.numbers);
        fields.seen = Type::FLOATS;
        break;
      case proto::attribute::ints:
        message.append_integers(fields.integers);
        fields.seen = Type::INTS;
        break;
      case proto::attribute::strings:
        fields.texts.push_back(message.text());
        fields.seen = Type::STRINGS;
        break;
      case proto::attribute::tensors:
        fields.tensors.push_back(read_tensor(message.bytes(), context.tensors, storage).tensor);
        fields.seen = Type::TENSORS;
        break;
      case proto::attribute::graphs:
        fields.graphs.push_back(subgraph(message.bytes(), context, scope));
        fields.seen = Type::GRAPHS;
        break;
      case proto::attribute::tp:
        fields.value_type = read_type(message.message());
        fields.seen = Type::TYPE_PROTO;
        break;
      default:
        message.skip();
    }
  }
  return fields;
}

}  // namespace

NamedAttribute read_attribute(std::string_view bytes, GraphContext& context, Scope& scope) {
  Fields fields = read_fields(bytes, context, scope);
  if (!fields.reference.empty()) {
    if (scope.bound == nullptr) {
      fail(Code::INVALID_MODEL, fields.name, "Expected a value for attribute '", fields.name,
           "' but received a reference outside of a function");
    }
    const auto found = scope.bound->find(fields.reference);
    if (found == scope.bound->end()) return {std::move(fields.name), std::nullopt};
    return {std::move(fields.name), found->second};
  }
  const auto named = [&](Attribute value) {
    return NamedAttribute{std::move(fields.name), std::move(value)};
  };
  const int64_t type = fields.type == Type::UNDEFINED ? fields.seen : fields.type;
  switch (type) {
    case Type::FLOAT:
      return named(fields.number);
    case Type::INT:
      return named(fields.integer);
    case Type::STRING:
      return named(std::move(fields.text));
    case Type::FLOATS:
      return named(std::move(fields.numbers));
    case Type::INTS:
      return named(std::move(fields.integers));
    case Type::STRINGS:
      return named(std::move(fields.texts));
    case Type::TENSORS:
      return named(std::move(fields.tensors));
    case Type::GRAPHS:
      return named(std::move(fields.graphs));
    case Type::TENSOR:
    case Type::SPARSE_TENSOR:
      if (fields.tensor.defined()) return named(std::move(fields.tensor));
      break;
    case Type::GRAPH:
      if (fields.graph != nullptr) return named(std::move(fields.graph));
      break;
    case Type::TYPE_PROTO:
      if (fields.value_type.unsupported.empty()) return named(std::move(fields.value_type.type));
      fail(Code::UNSUPPORTED, fields.name,
           "Expected a type of tensors, sequences or optionals for attribute '", fields.name,
           "' but received ", fields.value_type.unsupported);
    default:
      fail(Code::UNSUPPORTED, fields.name,
           "Expected a number, string, tensor, graph or type for attribute '", fields.name,
           "' but received attribute type ", type);
  }
  fail(Code::INVALID_MODEL, fields.name, "Expected a value for attribute '", fields.name,
       "' but received none");
}

}  // namespace whittle::onnx
