#pragma once

#include "core/compress/graph_edit.h"
#include "core/graph/graph.h"
#include "core/ops/op.h"

namespace whittle {

/**
 * Rewrites that keep the meaning and let integer kernels see whole layers:
 * - MatMul of a matrix by a constant, followed by Add of a constant row: one Gemm;
 * - Relu or Clip behind operators that only move data (MaxPool, Reshape ...): put in front of them,
 *   next to the layer whose quantized output can do the clipping;
 * - alpha and beta of a Gemm: multiplied into its constants;
 * - attributes that say what their absence says: dropped.
 * Types and dims of the graph's values must have been inferred.
 */
void prepare_for_static_quantization(Graph& graph, NameMaker& names, const OpTable& ops);

}  // namespace whittle
