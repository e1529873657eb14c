#pragma once

#include <optional>
#include <vector>

#include "core/compress/quantize/support/integer/static_model.h"
#include "core/compress/technique.h"

namespace whittle {

/** Which layers are to stay float for the model to be near enough to the original. */
struct FallbackOptions {
  int64_t float_layers = 0;             // at least so many
  std::optional<double> min_sqnr_db;    // of the worst output
  std::optional<double> min_agreement;  // share of samples that keep their classes, 0 to 1
  int64_t samples = 0;                  // most to check a bound on; 0: all

  bool bounded() const { return min_sqnr_db.has_value() || min_agreement.has_value(); }
  bool wanted() const { return float_layers > 0 || bounded(); }
};

/** Samples that calibration keeps for measuring sensitivities. */
inline constexpr size_t kSensitivitySamples = 8;
/** How often a bound makes the data be read again. */
inline constexpr int kBoundPasses = 3;

/**
 * Leaves in `kept` the layers that stay integer: all but the most sensitive ones. A layer's
 * sensitivity is the SQNR of the worst output when it alone, with its activations, is quantized, on
 * `samples`. A bound is met by the fewest layers of that order: candidates are run beside the
 * original on the calibration data. The report gets facts.sensitivity and facts.fallback, and a
 * warning when no choice meets the bound. Throws INVALID_OPTION for min_agreement when no output
 * has classes.
 */
Job choose_float_layers(TechniqueContext& context, const CalibratedLayers& calibrated,
                        const std::vector<Sample>& samples, const FallbackOptions& options,
                        StaticLayers& kept);

}  // namespace whittle
