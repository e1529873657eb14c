#pragma once

#include "core/graph/graph.h"

namespace whittle::onnx {

/** Turns operators of com.microsoft that mean what one of ai.onnx at kInternalOpset means into that
 * one: QuantizeLinear, DequantizeLinear, Range, Trilu, NhwcMaxPool between two transposes,
 * GatherBlockQuantized as Gather from what is dequantized, and FusedConv and FusedGemm
 * (adopt_fused.h). */
void adopt_contrib(Graph& graph, Node& node);

}  // namespace whittle::onnx
