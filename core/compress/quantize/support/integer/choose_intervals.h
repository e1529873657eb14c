#pragma once

#include "core/compress/quantize/support/calibration/calibrate.h"
#include "core/compress/quantize/support/integer/static_model.h"
#include "core/compress/technique.h"

namespace whittle {

/** calibrated.layers in 8 bits in a copy of the context's model. */
Job make_integer_model(TechniqueContext& context, const CalibratedLayers& calibrated,
                       const StaticLayers& layers, Model& model);

/**
 * Runs the integer model with what each calibrator proposes, and with "auto"'s mixture, on the kept
 * samples, and leaves in calibrated.intervals the ranges with which the outputs are nearest to the
 * float model's (SQNR, mean over the outputs). The report gets facts.calibrators: that of each.
 */
Job choose_intervals_by_outputs(TechniqueContext& context, const Calibration& calibration,
                                CalibratedLayers& calibrated);

}  // namespace whittle
