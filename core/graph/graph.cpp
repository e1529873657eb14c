#include "core/graph/graph.h"

#include <algorithm>

#include "core/graph/traversal.h"

namespace whittle {

namespace {

template <typename T>
const T* get(const Node& node, std::string_view name, const char* wanted) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return nullptr;
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected ", wanted, " for attribute '", name, "' of ",
         node.label(), " but received another type");
  }
  return value;
}

}  // namespace

int64_t Node::int_attribute(std::string_view attribute, int64_t fallback) const {
  const auto* value = get<int64_t>(*this, attribute, "an integer");
  return value ? *value : fallback;
}

float Node::float_attribute(std::string_view attribute, float fallback) const {
  const auto* value = get<float>(*this, attribute, "a float");
  return value ? *value : fallback;
}

std::string Node::string_attribute(std::string_view attribute, std::string_view fallback) const {
  const auto* value = get<std::string>(*this, attribute, "a string");
  return value ? *value : std::string(fallback);
}

std::vector<int64_t> Node::ints_attribute(std::string_view attribute,
                                          std::vector<int64_t> fallback) const {
  const auto* value = get<std::vector<int64_t>>(*this, attribute, "integers");
  return value ? *value : std::move(fallback);
}

std::vector<float> Node::floats_attribute(std::string_view attribute,
                                          std::vector<float> fallback) const {
  const auto* value = get<std::vector<float>>(*this, attribute, "floats");
  return value ? *value : std::move(fallback);
}

std::vector<std::string> Node::strings_attribute(std::string_view attribute) const {
  const auto* value = get<std::vector<std::string>>(*this, attribute, "strings");
  return value ? *value : std::vector<std::string>{};
}

Tensor Node::tensor_attribute(std::string_view attribute) const {
  const auto* value = get<Tensor>(*this, attribute, "a tensor");
  return value ? *value : Tensor{};
}

ValueType Node::type_attribute(std::string_view attribute) const {
  const auto* value = get<ValueType>(*this, attribute, "a type");
  return value ? *value : ValueType{};
}

std::shared_ptr<const Graph> Node::graph_attribute(std::string_view attribute) const {
  const auto* value = get<std::shared_ptr<const Graph>>(*this, attribute, "a graph");
  return value ? *value : nullptr;
}

std::string Node::label() const {
  return "node '" + name + "' (" + (domain.empty() ? op : domain + "::" + op) + ")";
}

ValueId Graph::find(std::string_view value_name) const {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].name == value_name) return static_cast<ValueId>(i);
  }
  return kNoValue;
}

ValueId Graph::add_value(std::string_view wanted, DType dtype, std::optional<Dims> dims) {
  std::string unique(wanted);
  for (int suffix = 1; find(unique) != kNoValue; ++suffix) {
    unique = std::string(wanted) + "_" + std::to_string(suffix);
  }
  Value value;
  value.name = std::move(unique);
  value.dtype = dtype;
  value.dims = std::move(dims);
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::add_constant(std::string_view wanted, Tensor tensor) {
  const ValueId id = add_value(wanted, tensor.dtype(), to_dims(tensor.shape()));
  value(id).constant = std::move(tensor);
  return id;
}

namespace {

/** Returns a copy of `graph` whose captures of `from` read `to`, or the same pointer if none do. */
std::shared_ptr<const Graph> recapture(const std::shared_ptr<const Graph>& graph, ValueId from,
                                       ValueId to) {
  const auto captures = [from](const Value& value) { return value.captured == from; };
  if (std::none_of(graph->values.begin(), graph->values.end(), captures)) return graph;
  auto copy = std::make_shared<Graph>(*graph);
  for (Value& value : copy->values) {
    if (value.captured == from) value.captured = to;
  }
  return copy;
}

}  // namespace

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes) {
    std::replace(node.inputs.begin(), node.inputs.end(), from, to);
    for (auto& [key, attribute] : node.attributes) {
      if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
        *one = recapture(*one, from, to);
      } else if (auto* many = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
        for (auto& each : *many) each = recapture(each, from, to);
      }
    }
  }
}

}  // namespace whittle
