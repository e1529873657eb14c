#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Fills output 0 with `parts` one after another along `axis`. Throws SHAPE_MISMATCH unless they
 * have one type and agree in shape except along `axis`. */
void concat_into_output(EvalContext& context, std::span<const Tensor> parts, int axis);

}  // namespace whittle
