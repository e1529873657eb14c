#pragma once

#include <map>

#include "core/compress/quantize/support/integer/emit_qdq.h"
#include "core/compress/quantize/support/integer/placement.h"
#include "core/compress/quantize/support/integer/static_layers.h"
#include "core/compress/quantize/support/integer/static_weights.h"

namespace whittle {

/** What calibration found, for any choice among the layers it was made for. */
struct CalibratedLayers {
  StaticLayers layers;
  Placement placement;  // of all of them
  std::map<ValueId, Interval> intervals;
  ActivationForm form;
  LearnedCodes codes;
};

/** A choice of layers with the intervals its own placement asks for. */
struct StaticPlan {
  StaticLayers layers;
  Placement placement;
  std::map<ValueId, Interval> intervals;
  WeightGrids grids;
  StaticParameters parameters;
};

/** Where quantization goes in the context's model for these layers, in the form that is fastest
 * where the recipe is to run. */
Placement place_static(const TechniqueContext& context, const StaticLayers& layers);

/**
 * Everything a model with only `layers` (some of calibrated.layers) integer needs. A value that no
 * longer shares the interval of the one it was moved from has that interval still: it holds some of
 * the same values.
 */
Job plan_static(TechniqueContext& context, const CalibratedLayers& calibrated,
                const StaticLayers& layers, StaticPlan& plan);

/** Fills calibrated.codes from one pass over the data, or from the step, where a layer asks for
 * that. `read_before`: the step has read the data already. */
Job learn_codes(TechniqueContext& context, CalibratedLayers& calibrated, bool read_before);

}  // namespace whittle
