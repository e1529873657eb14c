#pragma once

#include <cstddef>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

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

}  // namespace whittle
