#pragma once

#include <map>
#include <string>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/placement.h"
#include "core/compress/quantize/support/quantized_weight.h"

namespace whittle {

/** What the integer layers need beside the placement. */
struct StaticParameters {
  ActivationForm form;
  std::map<ValueId, Affine> activations;
  std::map<ValueId, QuantizedWeight> weights;
};

/** Rewrites `graph` with QuantizeLinear / DequantizeLinear pairs, integer weights and int32 biases.
 */
void emit_qdq(Graph& graph, NameMaker& names, const Placement& placement,
              const StaticParameters& parameters);

}  // namespace whittle
