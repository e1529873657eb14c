#pragma once

#include <map>
#include <vector>

#include "core/base/json.h"
#include "core/compress/quantize/support/integer/static_layers.h"
#include "core/compress/quantize/support/weights/affine.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"

namespace whittle {

/** Codes that data had a say in, by weight, with the grids they belong to and what a report says of
 * them (rounding.h). */
class LearnedCodes {
 public:
  struct Entry {
    WeightGrid grid;
    std::vector<int8_t> codes;
    nlohmann::json report;
  };

  void add(ValueId id, Entry entry) { entries_[id] = std::move(entry); }
  /** Those of a weight on that very grid, or null. */
  const Entry* on(ValueId id, const WeightGrid& grid) const;

 private:
  std::map<ValueId, Entry> entries_;
};

/**
 * The grids of the integer weights of `layers`, by value: formats as their options say, wide enough
 * for the biases to fit into int32 at the scale of the activations that come in (`activations`, by
 * value). A weight that several layers read has one, as the first of them wants it.
 */
using WeightGrids = std::map<ValueId, WeightGrid>;
Job make_static_grids(TechniqueContext& context, const StaticLayers& layers,
                      const std::map<ValueId, Affine>& activations, WeightGrids& grids);

/** Chooses codes on those grids where the options of a layer ask for more than the nearest ones, in
 * one pass over the data (`read_before`: the step has read it already), or takes them from the
 * step. */
Job round_static_weights(TechniqueContext& context, const StaticLayers& layers,
                         const WeightGrids& grids, bool read_before, LearnedCodes& learned);

/** The integer weights: learned codes where there are some for the grid of a weight, else the
 * nearest. */
Job quantize_static_weights(TechniqueContext& context, const WeightGrids& grids,
                            const LearnedCodes& learned,
                            std::map<ValueId, QuantizedWeight>& weights);

/** The `codes` of the step that repeats this one without data. */
nlohmann::json static_code_changes(const Graph& graph, const WeightGrids& grids,
                                   const LearnedCodes& learned);

}  // namespace whittle
