#pragma once

#include "core/compress/prune/support/coupling.h"

namespace whittle {

/**
 * What an operator couples to axis `axis` of its operand `from`: ties it to axes of other operands,
 * or pins it. Called for every operand that is reached, so each call may state everything it knows.
 */
using CouplingRule = void (*)(Coupling& coupling, const Node& node, Operand from, int axis);

/** nullptr: nothing is known of the operator. */
CouplingRule coupling_rule(const Node& node, const OpTable& ops);

// Products: convolutions, matrix products, recurrent layers (couple_products.cpp).
void couple_conv(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_conv_transpose(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_gemm(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_matmul(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_recurrent(Coupling& coupling, const Node& node, Operand from, int axis);

// Operators that keep channels apart (couple_maps.cpp).
void couple_elementwise(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_batch_norm(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_instance_norm(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_pool(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_from_axis(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_along_axis(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_reduce(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_quantize(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_resize(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_shape_of(Coupling& coupling, const Node& node, Operand from, int axis);

// Operators that move channels (couple_moves.cpp, couple_reshape.cpp).
void couple_concat(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_split(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_slice(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_pad(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_transpose(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_gather(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_depth_to_space(Coupling& coupling, const Node& node, Operand from, int axis);
void couple_reshape(Coupling& coupling, const Node& node, Operand from, int axis);

}  // namespace whittle
