#pragma once

#include <optional>

#include "core/runtime/lower/patterns.h"

namespace whittle {

/** Constant weights as a plan may keep them: floats, halves or, with `narrow`, integers or codes of
 * 8 or 4 bits. */
struct StoredWeights {
  ValueId value = kNoValue;
  std::optional<NarrowWeights> narrow;
};

/** The axes of a weight that a product has: output columns, and what it sums over. */
struct ProductAxes {
  int column = 0;
  int input = 1;
};

/**
 * How the constant weights behind value `id` are stored: a float constant, Cast of halves, a
 * DequantizeLinear of 8 or 4 bits with scales along `axes.column` (or one) or in blocks along
 * `axes.input`, or a palette: Gather(codebook, Cast(codes)), with an Add to the indices and a Mul
 * of the result that are constant and vary along `axes.column` only. nullopt: none of these.
 */
std::optional<StoredWeights> stored_weights(ValueId id, ProductAxes axes, const Patterns& patterns,
                                            LoweredGraph& graph);

}  // namespace whittle
