#include "core/passes/subgraphs.h"

namespace whittle {

bool change_subgraphs(Node& node, const std::function<bool(Graph&)>& change) {
  bool changed = false;
  const auto visit = [&](std::shared_ptr<const Graph>& graph) {
    auto copy = std::make_shared<Graph>(*graph);
    if (!change(*copy)) return;
    graph = std::move(copy);
    changed = true;
  };
  for (auto& [key, attribute] : node.attributes) {
    if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
      visit(*one);
    } else if (auto* many = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
      for (auto& each : *many) visit(each);
    }
  }
  return changed;
}

void remove_nodes(Graph& graph, const std::vector<bool>& dead) {
  std::vector<Node> kept;
  kept.reserve(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!dead[i]) kept.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(kept);
}

}  // namespace whittle
