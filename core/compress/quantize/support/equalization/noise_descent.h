#pragma once

#include <vector>

#include "core/compress/quantize/support/equalization/noise_model.h"
#include "core/runtime/job.h"

namespace whittle {

/** Bounds of every variable. */
struct LogBounds {
  std::vector<double> least;
  std::vector<double> most;
};

/**
 * The least noise within bounds by resilient propagation (Riedmiller and Braun 1993): every
 * variable has a step of its own, which grows while the slope keeps its sign and shrinks when it
 * changes, so that slopes of very different sizes do not matter. `logs` starts inside the bounds
 * and ends at the best point seen, which has no more noise than the first.
 */
Job descend(const CancelFlag& cancel, const NoiseModel& model, const LogBounds& bounds,
            std::vector<double>& logs);

}  // namespace whittle
