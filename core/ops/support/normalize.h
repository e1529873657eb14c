#pragma once

#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** Mean and population variance of values, taken in double over two passes. */
struct Moments {
  double mean = 0;
  double variance = 0;
};
/** Of x[i * step] for i < count; zeros when there is none. */
Moments moments(const float* x, int64_t count, int64_t step = 1);

/**
 * Input i (a scale or a bias, broadcast to `shape`) as values that repeat: element `at` of a tensor
 * of that shape gets values[at % values.size()]. An absent input gives one `fallback`. Throws
 * SHAPE_MISMATCH when it does not broadcast.
 */
std::vector<float> repeating_values(const EvalContext& context, size_t i, const Shape& shape,
                                    float fallback);

/**
 * Fills output 0 with input 0 normalised over each group of channels / groups neighbouring channels
 * of each image, statistics in double: y = (x - mean) / sqrt(variance + epsilon) * scale[c] +
 * bias[c] x, y [batch, channels, pixels..]   inputs 1 and 2: scale, bias [channels]
 */
void normalize_groups(EvalContext& context, int64_t groups);

/** The shape of what is normalised over axes [first, rank): those axes become 1. */
Shape statistics_shape(const Shape& shape, int first);
Dims statistics_dims(Dims dims, int first);

}  // namespace whittle
