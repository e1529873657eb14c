#pragma once

#include "core/graph/graph.h"

namespace whittle {

/**
 * Throws INVALID_GRAPH unless: ids are in range; each value has one origin (input, constant,
 * capture or node output); nodes are topologically sorted; outputs are defined; value and node
 * names are unique; subgraphs hold recursively with captures in range, nested at most
 * kMaxSubgraphDepth deep.
 */
void verify(const Graph& graph);

}  // namespace whittle
