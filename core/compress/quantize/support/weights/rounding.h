#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/layer_error/layer_statistics.h"
#include "core/compress/options.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/compress/technique.h"

namespace whittle {

/** How codes are chosen on a grid. */
enum class Rounding : uint8_t { nearest, gptq, gptq_sequential, adaround, adaround_sequential };

/** Whether a method rounds a layer behind earlier ones that are rounded already. */
bool is_sequential(Rounding method);

/** As options spell it. */
const std::string& rounding_name(Rounding method);

/** rounding, actOrder, sweeps, iterations, roundingSamples, codes. */
std::vector<OptionSpec> rounding_options();
Rounding rounding_of(const Options& options);
/** Passes over the data that rounding under these options takes: none with nearest, or with
 * `codes`. */
int rounding_passes(const Options& options);

/** A weight of the graph itself whose codes are to be chosen. */
struct RoundedWeight {
  ValueId id = kNoValue;
  Rounding method = Rounding::nearest;
  bool act_order = false;
  int64_t iterations = 0;
  int64_t sweeps = 0;
  std::vector<WeightReader> readers;  // in graph order
  const Tensor* weight = nullptr;
  const WeightGrid* grid = nullptr;
  /** The result, and what a report says of it: {rounding, outputSqnrDb, nearestOutputSqnrDb} of
   * rows that were not learned from, or {rounding: "nearest", why}. */
  std::vector<int8_t> codes;
  nlohmann::json report;

  void set_options(const Options& options);
};

/**
 * Chooses the codes of all weights, looking at `samples` samples of the data (0: all) where a
 * method asks for it, in memory bounded by LayerStatistics::kMostBytes and one SampleStore. Where a
 * method does not beat rounding to nearest on rows of the layer's input that were held out, the
 * codes are those of rounding to nearest. With `codes` in the options no data is looked at.
 */
Job round_weights(TechniqueContext& context, std::vector<RoundedWeight>& weights);

/** The `codes` of an explicit step: the changes against rounding to nearest by name of the weight;
 * weights without any are left out. */
nlohmann::json changes_of(const Graph& graph, const std::vector<RoundedWeight>& weights);

}  // namespace whittle
