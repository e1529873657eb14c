#include "core/onnx/read_graph.h"

namespace whittle::onnx {
namespace {

/** Adds a value under `wanted` or, where the graph has that name, the first free suffix of it. */
ValueId add(Scope& scope, const std::string& wanted) {
  std::string unique = wanted;
  for (int suffix = 1; !scope.taken->insert(unique).second; ++suffix) {
    unique = wanted + "_" + std::to_string(suffix);
  }
  Value value;
  value.name = std::move(unique);
  scope.graph->values.push_back(std::move(value));
  return static_cast<ValueId>(scope.graph->values.size() - 1);
}

}  // namespace

std::optional<ValueId> resolve(Scope& scope, const std::string& name) {
  const auto found = scope.names.find(name);
  if (found != scope.names.end()) return found->second;
  if (scope.outer == nullptr) return std::nullopt;
  const std::optional<ValueId> outer = resolve(*scope.outer, name);
  if (!outer || *outer == kNoValue) return outer;
  const ValueId id = add(scope, scope.outer->graph->value(*outer).name);
  scope.graph->value(id).captured = *outer;
  scope.names.emplace(name, id);
  return id;
}

ValueId require(Scope& scope, const std::string& name, const std::string& where) {
  const std::optional<ValueId> id = resolve(scope, name);
  if (!id) {
    fail(Code::INVALID_GRAPH, where, "Expected values that are defined for ", where,
         " but received the unknown name '", name, "'");
  }
  return *id;
}

ValueId define(Scope& scope, const std::string& name) {
  if (scope.names.contains(name)) {
    fail(Code::INVALID_GRAPH, "value '" + name + "'", "Expected one definition of value '", name,
         "' but received a second one");
  }
  const ValueId id = add(scope, scope.prefix + name);
  scope.names.emplace(name, id);
  return id;
}

}  // namespace whittle::onnx
