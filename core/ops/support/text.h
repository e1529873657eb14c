#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Input i, which must be text: throws INVALID_GRAPH when absent, UNSUPPORTED_TYPE otherwise. */
const Tensor& text_input(const EvalContext& context, size_t i);

}  // namespace whittle
