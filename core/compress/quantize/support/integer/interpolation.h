#pragma once

#include <optional>

#include "core/graph/graph.h"
#include "core/tensor/tensor.h"

namespace whittle {

/**
 * Linear interpolation to exactly twice or half the size as a depthwise convolution with integer
 * weights: onnxruntime interpolates in float, but has that convolution in integers.
 * - Half: each output is the mean of 2 x 2 inputs.
 * - Twice: after doubling every pixel and repeating the edge once, (1 2 1) / 4 along both axes.
 */
struct IntegerInterpolation {
  bool doubles = false;
  Tensor weights;   // i8 [channels, 1, k, k]
  float scale = 1;  // of the weights
};

/** That form of a Resize whose types and dims have been inferred; nullopt where it is no equal. */
std::optional<IntegerInterpolation> integer_interpolation(const Graph& graph, const Node& resize);

}  // namespace whittle
