#include "core/runtime/control_flow.h"

#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Subgraph attributes of `node` whose captures are renamed by `map` (values of the old parent to
 * values of the new one). */
void recapture(Node& node, const std::vector<ValueId>& map) {
  const auto renamed = [&](const std::shared_ptr<const Graph>& body) {
    auto copy = std::make_shared<Graph>(*body);
    for (Value& value : copy->values) {
      if (value.captured != kNoValue) value.captured = map[static_cast<size_t>(value.captured)];
    }
    return std::shared_ptr<const Graph>(std::move(copy));
  };
  for (auto& [name, attribute] : node.attributes) {
    if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
      *one = renamed(*one);
    } else if (auto* many = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
      for (auto& each : *many) each = renamed(each);
    }
  }
}

/** Appends the nodes of `branch` to `nodes`, its values to `graph`; its outputs become the values
 * `outputs`. */
void splice(Graph& graph, std::vector<Node>& nodes, const Graph& branch,
            const std::vector<ValueId>& outputs, const std::string& prefix) {
  std::vector<ValueId> map(branch.values.size(), kNoValue);
  for (size_t i = 0; i < branch.values.size(); ++i) {
    const Value& value = branch.values[i];
    if (value.captured != kNoValue) {
      map[i] = value.captured;
      continue;
    }
    map[i] = graph.add_value(value.name, value.dtype, value.dims);
    graph.value(map[i]).origin = value.origin_name();
    graph.value(map[i]).constant = value.constant;
  }
  for (size_t i = 0; i < branch.nodes.size(); ++i) {
    Node node = branch.nodes[i];
    node.name = prefix + "/" + node.name;
    for (ValueId& id : node.inputs) id = id == kNoValue ? kNoValue : map[static_cast<size_t>(id)];
    for (ValueId& id : node.outputs) id = id == kNoValue ? kNoValue : map[static_cast<size_t>(id)];
    recapture(node, map);
    nodes.push_back(std::move(node));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == kNoValue) continue;
    Node copy;
    copy.op = "Identity";
    copy.name = prefix + "/output_" + std::to_string(i);
    copy.inputs = {map[static_cast<size_t>(branch.outputs[i])]};
    copy.outputs = {outputs[i]};
    nodes.push_back(std::move(copy));
  }
}

}  // namespace

bool inline_known_branches(Graph& graph, const std::vector<Fact>& facts) {
  bool changed = false;
  std::vector<Node> nodes;
  std::vector<Node> old = std::move(graph.nodes);
  graph.nodes.clear();
  for (Node& node : old) {
    const Tensor* condition = nullptr;
    if (node.is("If")) {
      const auto id = static_cast<size_t>(node.input(0));
      if (graph.values[id].is_constant()) condition = &graph.values[id].constant;
      if (condition == nullptr && id < facts.size() && facts[id].constant.defined()) {
        condition = &facts[id].constant;
      }
    }
    if (condition == nullptr || condition->elements() != 1) {
      nodes.push_back(std::move(node));
      continue;
    }
    const bool taken = condition->data<uint8_t>()[0] != 0;
    const auto branch = node.graph_attribute(taken ? "then_branch" : "else_branch");
    splice(graph, nodes, *branch, node.outputs, node.name);
    changed = true;
  }
  graph.nodes = std::move(nodes);
  return changed;
}

Bodies::Bodies(const Node& node, const LoweredGraph& parent, const CompileOptions& options) {
  CompileOptions inner = options;
  inner.observe.clear();
  for_each_subgraph(node, [&](const Graph& body) {
    Graph closed = body;
    Body made;
    for (size_t i = 0; i < closed.values.size(); ++i) {
      Value& value = closed.values[i];
      if (value.captured == kNoValue) continue;
      const LoweredValue& outer = parent.value(value.captured);
      if (outer.is_constant()) {
        value.constant = outer.constant;
      } else {
        closed.inputs.push_back(static_cast<ValueId>(i));
        made.captured.push_back(value.captured);
        value.dtype = outer.dtype;
      }
      value.captured = kNoValue;
    }
    // Bodies pack under names of their own, so they do not share the session's names.
    made.executor =
        std::make_unique<Executor>(std::move(closed), inner, std::make_shared<PackCache>());
    bodies_.emplace(&body, std::move(made));
  });
}

std::vector<Tensor> Bodies::run(const Graph& body, std::vector<Tensor> inputs,
                                const RunState& state) {
  Body& found = bodies_.at(&body);
  for (ValueId id : found.captured) inputs.push_back(state.tensor(id));
  return found.executor->run(inputs);
}

}  // namespace whittle
