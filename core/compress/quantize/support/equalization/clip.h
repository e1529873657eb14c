#pragma once

#include <span>

#include "core/base/progress.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/runtime/job.h"

namespace whittle {

/**
 * Optimal clipping: moves each scale (and zero point) of a min-max grid to where rounding to
 * nearest leaves the least squared error over the weights of the group. Searched over ranges from
 * all to 30 % of the widest, then by turns with the least-squares scale of the codes; never worse
 * than the grid given. A scale stays at least min_scales[g] where given.
 */
Job clip_to_least_error(const CancelFlag& cancel, const Tensor& weight, WeightGrid& grid,
                        std::span<const float> min_scales = {});

}  // namespace whittle
