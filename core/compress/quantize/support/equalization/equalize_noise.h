#pragma once

#include "core/compress/technique.h"

namespace whittle {

/**
 * The "noise" method of `equalize`: factors with which the noise that rounding to 8 bits adds to
 * the outputs is predicted to be least (noise_model.h), from the ranges and powers of channels on
 * calibration data. A group keeps its factors only where they lower the prediction, and the model
 * is left alone where, quantized, its outputs are nearer without (equalize_check.h). The shapes of
 * context.model have been inferred.
 */
Job equalize_for_noise(TechniqueContext& context);

/** Repeats what a report of that method spells out, without data. */
Job equalize_as_given(TechniqueContext& context);

}  // namespace whittle
