#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Input i as f32; f16 and bf16 are widened. Throws UNSUPPORTED_TYPE for any other type, f64
 * included (computing it in f32 would lose what was asked for). */
Tensor float_input(const EvalContext& context, size_t i);
/** The elements of float_input(context, i) copied out, or nothing for an absent input. */
std::vector<float> float_values(const EvalContext& context, size_t i);

/** Fills y [batch, channels, pixels...] of f32 with its channel's value of input i, or with 0 when
 * that is absent. */
void fill_with_bias(const EvalContext& context, size_t i, Tensor& y);

/** Throws SHAPE_MISMATCH naming the node unless `tensor` has exactly `count` elements. */
void require_elements(const EvalContext& context, const Tensor& tensor, int64_t count,
                      const char* what);

}  // namespace whittle
