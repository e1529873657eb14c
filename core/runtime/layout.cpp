#include "core/runtime/layout.h"

namespace whittle {

void insert_observers(LoweredGraph& graph) {
  for (const auto& [id, name] : graph.observed) {
    LoweredOp op;
    op.node.domain = kLowered;
    op.node.op = "Observe";
    op.node.name = name;
    op.node.inputs = {id};
    op.parts = "Observe";
    size_t position = 0;
    for (size_t i = 0; i < graph.ops.size(); ++i) {
      for (ValueId made : graph.ops[i].node.outputs) {
        if (made == id) position = i + 1;
      }
    }
    graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(position), std::move(op));
  }
  graph.observed.clear();
}

void assign_layouts(LoweredGraph&) {}

}  // namespace whittle
