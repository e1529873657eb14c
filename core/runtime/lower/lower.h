#pragma once

#include <string_view>
#include <vector>

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

/** A rewrite of a plan's operations that keeps the meaning bit by bit or within the rounding of
 * float reassociation, and never the name or value of a pinned value. */
struct Lowering {
  std::string_view name;
  void (*run)(LoweredGraph& graph);
};

/** Every lowering in order: the one hand-written list (lower.cpp). */
const std::vector<Lowering>& lowerings();

/** The operations of a graph, one to one. `facts` come from infer_shapes at concrete input shapes.
 */
LoweredGraph lower_graph(const Graph& graph, const std::vector<Fact>& facts, const OpTable& table);

}  // namespace whittle
