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
  /** Of the model's multiply-accumulates, what float layers may hold; then the noise a layer adds
   * counts by how many it takes to be rid of it. nullopt: any, and the fewest layers count. */
  std::optional<double> budget;
  int64_t samples = 0;  // most to check a bound on; 0: all

  bool bounded() const { return min_sqnr_db.has_value() || min_agreement.has_value(); }
  bool wanted() const { return float_layers > 0 || bounded(); }
};

/** Samples that calibration keeps for measuring sensitivities. */
inline constexpr size_t kSensitivitySamples = 12;
/** How often a bound makes the data be read again. */
inline constexpr int kBoundPasses = 4;

/**
 * Leaves in `kept` the layers that stay integer: all of them where that meets the bound, else all
 * but the most sensitive ones. A layer's sensitivity is the SQNR of the worst output when it alone,
 * with its activations, is quantized, on `samples`. A bound is met by the fewest layers of that
 * order: candidates are run beside the original on the calibration data. Where none meets it, all
 * layers stay float; with a budget, those within it with which the worst output is best, and their
 * weights keep 8 bits. The report
 * gets facts.sensitivity and facts.fallback, and a warning when no choice meets the bound. Throws
 * INVALID_OPTION for min_agreement when no output has classes.
 */
Job choose_float_layers(TechniqueContext& context, const CalibratedLayers& calibrated,
                        const std::vector<Sample>& samples, const FallbackOptions& options,
                        StaticLayers& kept);

}  // namespace whittle
