#pragma once

#include "core/compress/technique.h"

namespace whittle {

/**
 * SmoothQuant (Xiao et al. 2023, "Accurate and Efficient Post-Training Quantization for Large
 * Language Models"): divides channel j of a layer's input by s_j = max|x_j|^alpha /
 * max|w_j|^(1 - alpha), in what stands in front, and multiplies the weights that read it, so that
 * the outliers of activations move to where one scale a row holds them. Layers that read the same
 * value share the factors. The shapes of context.model have been inferred.
 */
Job smooth_layers(TechniqueContext& context);

/** Whether a layer rule spells out what a report of smooth_layers holds. */
bool has_smoothed_layers(const TechniqueContext& context);
/** Repeats it without data. */
Job smooth_as_given(TechniqueContext& context);

}  // namespace whittle
