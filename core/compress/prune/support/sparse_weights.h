#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/layer_error/layer_statistics.h"
#include "core/compress/prune/support/weight_mask.h"

namespace whittle {

/** A weight some of whose elements become zero. */
struct SparseWeight {
  ConstantRef constant;
  std::vector<Layer> layers;          // that read it and are selected
  std::vector<WeightReader> readers;  // of them, those in the graph itself
  MaskUnits units;
  double sparsity = 0;
  std::vector<float> scores;  // of its units
  WeightMask mask;
  Tensor result;
  /** Why it stays as it is, or "". */
  std::string obstacle;

  const std::string& name() const { return constant.value().name; }
  const Tensor& tensor() const { return constant.tensor(); }
};

/** The weights of the selected layers; says why of every layer that has none. */
std::vector<SparseWeight> sparse_weights(TechniqueContext& context,
                                         const ConstantFinder& constants);

/** |w| by unit, or chance. */
void score_by_magnitude(SparseWeight& weight);
void score_by_chance(SparseWeight& weight, uint64_t seed);

/** Chooses masks by scores: the same share of every weight, or one threshold for all (`global`, to
 * the share `sparsity` of all elements). `by_row`: see lowest(). */
void choose_masks(std::vector<SparseWeight>& weights, bool global, double sparsity, bool by_row);

/** The weight with zeros where its mask says so. */
Tensor masked(const Tensor& weight, const WeightMask& mask);

/**
 * Looks at what the layers read, and either scores by |w| times the root mean square of the input
 * it is multiplied with (Sun et al. 2023, "A Simple and Effective Pruning Approach for Large
 * Language Models": Wanda) and chooses the share of each row, or goes through the inputs in blocks,
 * chooses by w^2 over the squared diagonal of the Cholesky factor of H^-1 and moves the weights
 * behind so that they make up for those that go (Frantar and Alistarh 2023, "SparseGPT"). Weights
 * whose input cannot be looked at get an obstacle.
 */
Job sparsify_on_data(TechniqueContext& context, std::vector<SparseWeight>& weights, bool compensate,
                     bool global);

}  // namespace whittle
