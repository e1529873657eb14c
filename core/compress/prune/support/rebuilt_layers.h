#pragma once

#include <map>
#include <string>

#include "core/compress/prune/support/reconstruct.h"
#include "core/compress/prune/support/shrink.h"

namespace whittle {

/**
 * Weights and biases that were computed for a smaller graph: put into it, and as text for a recipe.
 * Nodes have the places they had before.
 */
class RebuiltLayers {
 public:
  /** Rebuilds every reader with statistics that loses inputs when the classes of `removed` go. */
  Job compute(TechniqueContext& context, const Readers& readers, const std::set<int>& removed,
              double ridge);

  /** Puts them into `smaller`, whose axes keep `kept` of what they were; every number as four
   * letters of text hold it. */
  void apply(Graph& smaller, const KeptPlaces& kept);
  /** By layer: the numbers of its weight, and behind a space those of its bias if it has one. */
  const nlohmann::json& texts() const { return texts_; }
  /** By layer: the share of the squared error that is taken back. */
  const nlohmann::json& recovered() const { return recovered_; }

 private:
  struct Rebuilt {
    const ReaderLayer* reader = nullptr;
    RebuiltLayer layer;
  };
  std::vector<Rebuilt> rebuilt_;
  nlohmann::json texts_ = nlohmann::json::object();
  nlohmann::json recovered_ = nlohmann::json::object();
};

/** Puts weights and biases that texts() wrote into a graph that has been shrunk the same. Throws
 * INVALID_OPTION when there is no such layer, or it has another size. */
void apply_weight_texts(Graph& graph, const nlohmann::json& texts);

}  // namespace whittle
