#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/quantize/support/calibration/calibrators.h"
#include "core/compress/technique.h"

namespace whittle {

/** How activations are looked at. */
struct CalibrationOptions {
  std::string calibrator;  // calibrator_names()
  double percentile = 99.999;
  int64_t samples = 0;  // at most; 0: all
  ActivationForm form;
  size_t keep = 0;  // samples to hand back
};

struct Calibration {
  std::map<ValueId, Interval> intervals;
  /** CalibrationOptions::keep of them, drawn at random from all. */
  std::vector<Sample> samples;
  /** What every calibrator proposes, with the one that looks at the outputs only. */
  std::map<ValueId, std::vector<Proposal>> proposals;
};

/**
 * Runs the model on the samples of one pass over the data and chooses an interval for each of
 * `values`, in memory that does not grow with the number of samples. What each calibrator would
 * have left as error goes into the report (facts.calibration), as far as histograms were taken.
 * Throws EMPTY_DATA, and INVALID_DATA naming the sample when an input or an activation is not
 * finite.
 */
Job calibrate(TechniqueContext& context, const std::vector<ValueId>& values,
              const CalibrationOptions& options, Calibration& calibration);

}  // namespace whittle
