#include "core/runtime/lower/lower.h"

#include "core/runtime/lower/lowerings.h"

namespace whittle {

// A module for some operators brings its own, shorter list.
#ifndef WHITTLE_LOWERING_LIST
#define WHITTLE_LOWERING_LIST "core/runtime/lower/lowering_list.inc"
#endif
#define WHITTLE_LOWERING(name, function, operators) {name, function},

const std::vector<Lowering>& lowerings() {
  static const std::vector<Lowering> list = {
#include WHITTLE_LOWERING_LIST
  };
  return list;
}

namespace {

LoweredValue lower_value(const Value& value, const Fact& fact) {
  LoweredValue lowered;
  lowered.name = value.origin_name();
  lowered.dtype = fact.dtype != DType::undefined ? fact.dtype : value.dtype;
  if (value.is_constant()) {
    lowered.constant = value.constant;
    lowered.dtype = value.constant.dtype();
    lowered.shape = value.constant.shape();
    lowered.is_static = lowered.dtype != DType::string;
    return lowered;
  }
  const auto shape = fact.dims ? concrete(*fact.dims) : std::nullopt;
  if (shape) lowered.shape = *shape;
  lowered.is_static = shape && lowered.dtype != DType::undefined &&
                      lowered.dtype != DType::string && !is_container(lowered.dtype);
  return lowered;
}

Cost cost_of(const Node& node, const OpDef& op, const std::vector<Fact>& facts) {
  if (op.cost == nullptr) return {};
  const auto gather = [&](const std::vector<ValueId>& ids) {
    std::vector<Fact> list;
    for (ValueId id : ids) list.push_back(id == kNoValue ? Fact{} : facts[static_cast<size_t>(id)]);
    return list;
  };
  const std::vector<Fact> inputs = gather(node.inputs);
  const std::vector<Fact> outputs = gather(node.outputs);
  return op.cost(NodeFacts{node, inputs, outputs});
}

}  // namespace

LoweredGraph lower_graph(const Graph& graph, const std::vector<Fact>& facts, const OpTable& table) {
  LoweredGraph lowered;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    lowered.values.push_back(lower_value(graph.values[i], facts[i]));
  }
  for (const Node& node : graph.nodes) {
    const OpDef& op = table.at(node);
    LoweredOp made;
    made.node = node;
    made.definition = &op;
    made.parts = node.op;
    made.cost = cost_of(node, op, facts);
    lowered.ops.push_back(std::move(made));
  }
  lowered.inputs = graph.inputs;
  lowered.outputs = graph.outputs;
  return lowered;
}

}  // namespace whittle
