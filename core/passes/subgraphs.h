#pragma once

#include <functional>

#include "core/graph/graph.h"

namespace whittle {

/** Runs `change` on a copy of each subgraph of `node` and keeps the copies it says it changed;
 * returns whether any was. */
bool change_subgraphs(Node& node, const std::function<bool(Graph&)>& change);

/** Drops the nodes marked in `dead` (by index). */
void remove_nodes(Graph& graph, const std::vector<bool>& dead);

}  // namespace whittle
