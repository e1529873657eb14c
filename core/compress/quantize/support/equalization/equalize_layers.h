#pragma once

#include "core/compress/technique.h"

namespace whittle {

/**
 * The cross-layer method of `equalize`: finds the groups of channels, looks at them on calibration
 * data where the options ask for it, decides what becomes of Clips and what is absorbed, solves for
 * the factors and applies them. The shapes of context.model have been inferred.
 */
Job equalize_layers(TechniqueContext& context);

}  // namespace whittle
