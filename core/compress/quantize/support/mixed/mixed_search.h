#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/compress/quantize/support/mixed/mixed_model.h"
#include "core/compress/quantize/support/trials/candidates.h"
#include "core/compress/technique.h"

namespace whittle {

/** What the combined model is to keep; either a size, or a fidelity. */
struct MixedBound {
  std::optional<double> max_bytes;      // share of the file's bytes, 0 to 1
  std::optional<double> min_sqnr_db;    // of the worst output
  std::optional<double> min_agreement;  // share of samples that keep their classes, 0 to 1
  int64_t samples = 0;                  // most to measure on; 0: all

  bool fidelity() const { return min_sqnr_db.has_value() || min_agreement.has_value(); }
  /**
   * Whether a measured model keeps the fidelity. Agreement is judged by the lower end of its 95 %
   * interval (Wilson), as a gate does; where even no change at all would leave that end below the
   * bound, by there being no change.
   */
  bool kept_by(const Nearness& measured) const;
};

/** Samples with which agreement can be told from less than `bound` when none changes. */
int64_t samples_for(double bound);

/** A choice that was run on the data. */
struct MixedTry {
  std::string name;  // "int8 everywhere", "least KL" ...
  MixedChoice choice;
  int64_t bytes = 0;           // of its file
  double predicted_noise = 0;  // over signal
  double predicted_kl = 0;
  Nearness measured;
};

struct MixedResult {
  std::vector<MixedTry> tries;  // in the order they were run
  size_t taken = 0;
  bool kept = false;  // the bound
};

/** Passes over the data that a search takes, unless the model is too large for a few sessions. */
int search_passes(const MixedBound& bound);

/**
 * Looks for the choice that keeps the bound: with a size the one of the least error, with a
 * fidelity the one of the fewest bytes. Errors of single layers are taken to add, which gives a
 * multiple-choice knapsack for each point of the frontier between bytes and error
 * (mixed_knapsack.h); the combined models are then measured on the data, beside those with one form
 * everywhere, and the measured values decide. A fidelity is found by bisection along the frontier,
 * a few points a pass. `bytes_limit`: what the size bound comes to. Where no choice keeps the
 * bound, the nearest to it is taken.
 */
Job search_mixed(TechniqueContext& context, const MixedModel& mixed, const MixedBound& bound,
                 int64_t bytes_limit, MixedResult& result);

}  // namespace whittle
