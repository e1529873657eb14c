#pragma once

#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/**
 * Whether equalization pays where it is meant to: `before`, the model as it was, and context.model
 * are both quantized as the step's options say the next one will (min-max ranges, or the mse
 * calibrator with `typical` from 0.5 on) and run on `samples`. Where the outputs of the equalized
 * one are farther from the float model's (decibels, the mean over the outputs: few samples say
 * little of a single one), context.model becomes `before` again, the report says so and repeats
 * nothing. The report gets facts.check.
 */
Job check_equalization(TechniqueContext& context, const Model& before,
                       const std::vector<Sample>& samples);

}  // namespace whittle
