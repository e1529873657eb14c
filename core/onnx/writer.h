#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/** The newest ai.onnx opset whose operators are known. */
inline constexpr int64_t kNewestOpset = 28;

/**
 * Serialises a model as standard ONNX: raw_data only, shared initializers once, the source's input
 * and output names, types, symbolic dims and metadata_props. The opset is the lowest that is at
 * least the source's, 13, and what the nodes and types need (21 for 4-bit and blocked
 * quantization). Throws INVALID_GRAPH for nodes of domain ai.whittle.train, LIMIT_EXCEEDED past 2
 * GB.
 */
std::vector<std::byte> write_model(const Model& model);

/** The ai.onnx opset write_model would state. */
int64_t required_opset(const Model& model);
/** What in a graph needs the newest opset ("node 'gelu' (Gelu)", "element type int4"), or "". */
std::string newest_need(const Graph& graph);

}  // namespace whittle
