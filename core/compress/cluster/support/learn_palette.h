#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/cluster/support/cluster_weight.h"
#include "core/compress/cluster/support/palette.h"
#include "core/compress/layer_error/layer_statistics.h"
#include "core/compress/technique.h"

namespace whittle {

/** How the codes of a palette are chosen. */
enum class PaletteRounding : uint8_t { nearest, gptq, gptq_sequential };
PaletteRounding palette_rounding(const Options& options);
const std::string& palette_rounding_name(PaletteRounding method);
/** As options spell them. */
const std::vector<std::string>& palette_rounding_names();

/** A palette of a weight of the graph itself that may be learned from the inputs of the layers that
 * read it. */
struct PaletteToLearn {
  ValueId id = kNoValue;
  PaletteRounding method = PaletteRounding::nearest;
  const Tensor* weight = nullptr;
  std::vector<WeightReader> readers;  // in graph order
  ClusterOptions cluster;
  /** Whether codebooks may change, else only codes. */
  bool free_codebooks = true;
  /** Nearest codes at first; the learned ones, and their codebooks, where they win. */
  Palette* palette = nullptr;
  /** {rounding, outputSqnrDb, nearestOutputSqnrDb} of rows that were not learned from, with `why`
   * where the nearest codes stay. */
  nlohmann::json report;
};

/**
 * Learns palettes from one pass over at most `samples` samples (0: all): codebooks by k-means
 * weighted with the diagonal of H = sum of x x^T over the layer's inputs, codes by GPTQ on their
 * values, then by turns the codebooks of least output error for the codes (fit_codebooks) and
 * coordinate descent over the codes. Where that does not beat the palette given on rows that were
 * held out, it stays. The sequential variant takes one weight after the other, each behind earlier
 * ones that are palettes already, and aims at the float model's output (paired_target). Memory as
 * of LayerStatistics and SampleStore.
 */
Job learn_palettes(TechniqueContext& context, int64_t samples,
                   std::vector<PaletteToLearn>& palettes);

}  // namespace whittle
