#pragma once

#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/**
 * Puts the constant weights of the selected layers behind a DequantizeLinear with one symmetric int8
 * scale per output channel, in the graph that owns them; activations stay float. Layers that gain
 * nothing are left alone with a reason. `layers` were selected on context.model.graph, which must not
 * have changed since.
 */
Job store_weights_as_int8(TechniqueContext& context, std::vector<Layer> layers);

}  // namespace whittle
