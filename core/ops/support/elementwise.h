#pragma once

#include <span>

#include "core/ops/op.h"

namespace whittle {

/** A block of n elements: operands[k][i] is input k's element; the result goes to operands[0][i].
 */
using RealBlock = FunctionRef<void(double* const* operands, int64_t n)>;
using IntegerBlock = FunctionRef<void(int64_t* const* operands, int64_t n)>;

/** out[i] = block(inputs broadcast to out's shape), computed in double. An absent input leaves its
 * operand unset. A comparison's boolean result is stored as block != 0. */
void map_elements(std::span<const Tensor> inputs, Tensor& out, RealBlock block);
/** The same computed in int64. */
void map_elements(std::span<const Tensor> inputs, Tensor& out, IntegerBlock block);

/** The shape the node's present inputs broadcast to. */
Shape broadcast_inputs(const EvalContext& context);

}  // namespace whittle
