#pragma once

#include <map>

#include "core/compress/quantize/support/affine.h"
#include "core/compress/quantize/support/quantized_weight.h"
#include "core/compress/quantize/support/static_layers.h"

namespace whittle {

/**
 * The integer weights of `layers`, by value: formats as their options say, on grids wide enough for
 * the biases to fit into int32 at the scale of the activations that come in (`activations`, by
 * value). A weight that several layers read is stored once, as the first of them wants it.
 */
Job quantize_static_weights(TechniqueContext& context, const StaticLayers& layers,
                            const std::map<ValueId, Affine>& activations,
                            std::map<ValueId, QuantizedWeight>& weights);

}  // namespace whittle
