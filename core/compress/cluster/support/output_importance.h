#pragma once

#include <vector>

#include "core/compress/layer_error/layer_statistics.h"
#include "core/graph/graph.h"

namespace whittle {

/**
 * By how much the squared error of each of `outputs` channels of a layer counts, 1 on average: the
 * square of what a BatchNormalization multiplies it with where every reader of a weight has one and
 * nothing else behind it, else empty: all the same. Codebooks are shared by channels, so that it
 * matters which of them is loud.
 */
std::vector<float> output_importance(const Graph& graph, const std::vector<WeightReader>& readers,
                                     int64_t outputs);

}  // namespace whittle
