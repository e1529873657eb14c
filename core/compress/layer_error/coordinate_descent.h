#pragma once

#include <span>
#include <vector>

#include "core/compress/layer_error/gptq.h"

namespace whittle {

struct DescentOptions {
  float damping = 0.01f;  // of the mean of H's diagonal, added to it
  int sweeps = 4;         // at most; one without a change is the last
};

/**
 * Cyclic coordinate descent (Behdin et al. 2023, "QuantEase: Optimization-based Quantization for
 * Language Models") from `rounded`: each weight in turn gets the value that leaves its output the
 * least error while all others stay, so that the error over the rows of H only falls. Arguments as
 * of gptq.
 */
Job descend_coordinates(const CancelFlag& cancel, Products& products, std::span<const float> weight,
                        const LayerMatrix& matrix, const Hessian& hessian, NearestValue nearest,
                        const DescentOptions& options, std::vector<float>& rounded);

}  // namespace whittle
