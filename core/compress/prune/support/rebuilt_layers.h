#pragma once

#include <map>
#include <string>

#include "core/compress/layer_error/sample_store.h"
#include "core/compress/prune/support/reconstruct.h"
#include "core/compress/prune/support/shrink.h"

namespace whittle {

/**
 * Layers of a smaller graph with weights and biases that were fitted to what the layers put out
 * before: one after the other in the order of the graph, each behind those before it as they are
 * fitted by then, so that it also makes up for what they leave. The weights are kept as text for a
 * recipe, too.
 */
class RebuiltLayers {
 public:
  /** Fits every layer of `smaller` that reads something changed; its axes keep `kept` of those of
   * the context's model. */
  Job fit(TechniqueContext& context, SampleStore& samples, Graph& smaller, const KeptPlaces& kept,
          double ridge);

  /** By layer: the numbers of its weight, and behind a space those of its bias if it has one; each
   * number as four letters. */
  const nlohmann::json& texts() const { return texts_; }
  /** By layer: the share of its squared error, behind the fitted layers before it, that is taken
   * back. */
  const nlohmann::json& recovered() const { return recovered_; }

 private:
  void apply(Graph& graph, NameMaker& names, const FitLayer& layer, const FitChange& change);

  nlohmann::json texts_ = nlohmann::json::object();
  nlohmann::json recovered_ = nlohmann::json::object();
};

/** Puts weights and biases that texts() wrote into a graph that has been shrunk the same. Throws
 * INVALID_OPTION when there is no such layer, or it has another size. */
void apply_weight_texts(Graph& graph, const nlohmann::json& texts);

}  // namespace whittle
