#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "core/graph/graph.h"
#include "core/onnx/byte_buffer.h"

namespace whittle::onnx {

/** What a subgraph sees of the graphs around it. */
struct WrittenNames {
  /** The name each value of the enclosing graph was written under. */
  const std::vector<std::string>* outer = nullptr;
  /** Every name of every enclosing graph: a subgraph's own values must not hide them. */
  std::unordered_set<std::string> taken;
};

/** Writes the fields of a GraphProto, in the order of the graph's values and nodes. */
void write_graph(Writer& out, const Graph& graph, const WrittenNames& around);

}  // namespace whittle::onnx
