#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/compress/quantize/support/trials/candidates.h"
#include "core/compress/technique.h"

namespace whittle {

/** Leaves in `model` the context's model with one layer changed, or a few. */
using MakeTrial = std::function<Job(size_t trial, Model& model)>;

/**
 * How near the outputs stay to the context's model in each of several trials, measured on the same
 * samples: the sensitivity of a layer when a trial changes nothing else. `layers[trial]` is what
 * progress calls it; `found` gets one entry a trial. A few trials run beside each other, as many as
 * take little memory. All arguments must outlive the job.
 */
Job measure_trials(TechniqueContext& context, const std::vector<Sample>& samples,
                   const std::vector<std::string>& layers, const MakeTrial& make,
                   std::vector<Nearness>& found);

}  // namespace whittle
