#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {

/**
 * Drops nodes whose outputs nobody reads, then values nobody mentions. An output that is not read
 * while its siblings are is left unnamed, so that operators need not compute it, except those of
 * control flow.
 */
bool eliminate_dead_code(Graph& graph, const PassContext& context) {
  bool changed = false;
  // Subgraphs first: what they no longer capture may be dead here.
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return eliminate_dead_code(subgraph, context); });
  }
  std::vector<bool> read(graph.values.size(), false);
  for (ValueId id : graph.outputs) read[static_cast<size_t>(id)] = true;
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    Node& node = graph.nodes[i];
    bool needed = node.outputs.empty();
    // onnxruntime finds no place for an unnamed output of Scan and Loop.
    const OpDef* op = context.ops.find(node);
    const bool keeps_names = op != nullptr && op->has(Trait::control_flow);
    for (ValueId& id : node.outputs) {
      if (id == kNoValue) continue;
      if (read[static_cast<size_t>(id)]) {
        needed = true;
      } else if (!keeps_names) {
        id = kNoValue;
        changed = true;
      }
    }
    dead[i] = !needed;
    changed |= dead[i];
    if (needed) for_each_use(node, [&](ValueId id) { read[static_cast<size_t>(id)] = true; });
  }
  remove_nodes(graph, dead);
  const size_t before = graph.values.size();
  compact_values(graph);
  return changed || graph.values.size() != before;
}

}  // namespace whittle
