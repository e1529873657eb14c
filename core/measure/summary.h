#pragma once

#include <map>
#include <string>

#include "core/base/json.h"
#include "core/graph/graph.h"
#include "core/ops/op.h"

namespace whittle {

/**
 * What a model is: {name, producer, opset, inputs, outputs: [{name, type, dims}], nodes, operators:
 * {op: count}, unsupported: [{op, count, example}], parameters, weightBytes, macs, macsKnown,
 * macsAt: {input: dims}, weightTypes: {dtype: bytes}, quantized, layers: [{name, op, output,
 * parameters, bytes, macs}]}. Unknown dims are strings (the symbol or "?"). `layers` holds the
 * nodes that have parameters or multiply-accumulates.
 */
nlohmann::json summarize(const Model& model, const OpTable& ops,
                         const std::map<std::string, Shape>& input_shapes = {});

/** Whether a graph or a subgraph has quantized operators: Q/DQ pairs, integer products, QLinear*.
 */
bool is_quantized(const Graph& graph);

/** {name, type, dims} of a value, dims as numbers or symbols; null dims when the rank is unknown.
 */
nlohmann::json value_info(const Value& value);

}  // namespace whittle
