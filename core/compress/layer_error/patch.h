#pragma once

#include <cstdint>
#include <span>

#include "core/ops/support/conv_geometry.h"

namespace whittle {

/** Reads what a convolution multiplies its weights with at output position `index` (all images of
 * the input `x` one after the other): `row` is [channels, taps], zero outside the image. */
void read_patch(const ConvGeometry& geometry, std::span<const float> x, int64_t index,
                std::span<float> row);

}  // namespace whittle
