#pragma once

#include "core/compress/quantize/support/integer/qdq_builder.h"

namespace whittle {

// What onnxruntime has no integer operator for, in those it has. Each appends `node`, one between
// pairs, and returns true, or does nothing where it does not fit.

/** A linear Resize as a depthwise convolution (interpolation.h). */
bool append_interpolation(QdqBuilder& builder, const Node& node);

/** HardSigmoid, clip(alpha x + beta, 0, 1), and HardSwish, x times that: alpha only changes the
 * scale x is read with, and the ends of an 8-bit range from 0 to 1 clip. */
bool append_hard_function(QdqBuilder& builder, const ActivationForm& form, const Node& node);

}  // namespace whittle
