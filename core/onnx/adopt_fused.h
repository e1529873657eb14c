#pragma once

#include "core/graph/graph.h"

namespace whittle::onnx {

/** FusedConv and FusedGemm of com.microsoft as Conv and Gemm, the sum with input 3 where a
 * convolution has one, and the activation they state. One that has no name here is left alone. */
void adopt_fused(Graph& graph, Node& node);

}  // namespace whittle::onnx
