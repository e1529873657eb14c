#pragma once

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

// One declaration for each lowering; lower.cpp has their order.

/** Unfolded BatchNormalization becomes Mul and Add. */
void lower_batch_norm(LoweredGraph& graph);
/** SiLU, HardSwish and Gelu written out in other operators become one unary operation. */
void lower_activations(LoweredGraph& graph);
/** Layer, RMS and instance normalisation, as operators or written out. */
void lower_norms(LoweredGraph& graph);
/** Operators that move elements work on 8 bits where QuantizeLinear follows or DequantizeLinear
 * precedes them; a DequantizeLinear meeting a QuantizeLinear becomes a table. */
void move_quantization(LoweredGraph& graph);
/** Convolutions and matrix products of quantized values, in any of the ways ONNX writes them. */
void lower_integer_products(LoweredGraph& graph);
/** Sums, products, means and functions of one variable between DequantizeLinear and
 * QuantizeLinear. */
void lower_integer_elementwise(LoweredGraph& graph);
/** Gemm and MatMul with a constant matrix become Linear; weights that are dequantized or widened on
 * the way to a product stay narrow. */
void lower_products(LoweredGraph& graph);
/** FusedMatMul of com.microsoft becomes Transpose, MatMul and Mul. */
void lower_fused_matmul(LoweredGraph& graph);
/** Products of com.microsoft with weights of 4 and 8 bits in blocks become Linear. */
void lower_matmul_nbits(LoweredGraph& graph);
/** Rows picked from a constant table that is dequantized or widened: the table stays narrow. */
void lower_narrow_gather(LoweredGraph& graph);
/** Bias, residual sums and activations behind a product become its epilogue. */
void fuse_epilogues(LoweredGraph& graph);
/** Reshape, Transpose, Reshape that interleaves groups of channels. */
void lower_channel_shuffle(LoweredGraph& graph);
/** What is constant after the other lowerings is computed now. */
void fold_lowered_constants(LoweredGraph& graph);

}  // namespace whittle
