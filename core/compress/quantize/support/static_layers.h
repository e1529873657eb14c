#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/** The layers that become integer, by node index of the model's graph, with their options. */
using StaticLayers = std::map<int, Options>;

/** The operators that have an integer form in onnxruntime and here. */
const std::vector<std::string>& static_ops();

/** The layers that are selected and can become integer; the others are reported with their reasons.
 * Types and dims of the graph's values must have been inferred. */
StaticLayers choose_static_layers(TechniqueContext& context);

}  // namespace whittle
