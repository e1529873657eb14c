#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/** The layers whose weights become integers, by node index of the model's graph, with their
 * options.
 */
using StaticLayers = std::map<int, Options>;

/** The operators that have an integer form here; all but ConvTranspose have one in onnxruntime. */
const std::vector<std::string>& static_ops();

/** Whether a layer computes with integers; if not, its weights alone are stored in 8 bits. */
bool has_integer_arithmetic(const Options& layer);

/** The layers that are selected and can become integer; the others are reported with their reasons.
 * Types and dims of the graph's values must have been inferred. */
StaticLayers choose_static_layers(TechniqueContext& context);

}  // namespace whittle
