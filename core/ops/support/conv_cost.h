#pragma once

#include "core/ops/op.h"
#include "core/ops/support/conv_geometry.h"

namespace whittle {

/** MACs of a node whose input `x` is convolved with input `w`; 0 while a shape is unknown. */
Cost conv_cost_of(const NodeFacts& facts, size_t x, size_t w, bool transposed);
/** For Conv and ConvInteger: inputs 0 and 1. */
Cost conv_cost(const NodeFacts& facts);

}  // namespace whittle
