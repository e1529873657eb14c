#pragma once

#include <functional>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/** Calls `visit` for every value a node reads: its inputs, and what its subgraphs capture. */
void for_each_use(const Node& node, const std::function<void(ValueId)>& visit);
/** Calls `visit` for every subgraph attribute of a node. */
void for_each_subgraph(const Node& node, const std::function<void(const Graph&)>& visit);

/** Who makes and who reads each value, as node indices; rebuilt after the graph changes. */
class GraphIndex {
 public:
  explicit GraphIndex(const Graph& graph);

  /** The node that makes `id`, or nullptr (inputs, constants, captures). */
  const Node* producer(ValueId id) const;
  int producer_index(ValueId id) const { return producers_[static_cast<size_t>(id)]; }
  /** Indices of the nodes that read `id`, each once, subgraph captures included. */
  const std::vector<int>& consumers(ValueId id) const {
    return consumers_[static_cast<size_t>(id)];
  }
  bool is_output(ValueId id) const { return is_output_[static_cast<size_t>(id)]; }
  /** The only reader of `id`, or nullptr when there are several, none, or it is a graph output. */
  const Node* only_consumer(ValueId id) const;

 private:
  const Graph& graph_;
  std::vector<int> producers_;
  std::vector<std::vector<int>> consumers_;
  std::vector<bool> is_output_;
};

/** Sorts nodes so that every value is made before it is read; stable. Throws INVALID_GRAPH on a
 * cycle, naming a node on it. */
void sort_topologically(Graph& graph);
/** Drops values nobody mentions any more and renumbers the rest. */
void compact_values(Graph& graph);

}  // namespace whittle
