#pragma once

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/integer/placement.h"
#include "core/compress/quantize/support/integer/static_parameters.h"

namespace whittle {

/**
 * Rewrites `graph` with QuantizeLinear / DequantizeLinear pairs, integer weights and biases.
 * Operators that only move values (QRole::move) work on 8 bits between the pairs of others, and so
 * does what reads a shape: no runtime has to recognise anything to keep them out of float.
 */
void emit_qdq(Graph& graph, NameMaker& names, const Placement& placement,
              const StaticParameters& parameters);

}  // namespace whittle
