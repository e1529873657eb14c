#pragma once

#include <map>
#include <set>
#include <vector>

#include "core/compress/prune/support/reader_layers.h"

namespace whittle {

/** A layer's weight, as large as it was, and what is added to its bias (of every output; empty:
 * nothing). */
struct RebuiltLayer {
  Tensor weight;
  std::vector<float> bias_change;
  /** Share of the squared error of cutting the channels away that it takes back. */
  double recovered = 0;
};

/**
 * The weight of `reader` for the inputs that stay when the classes of `removed` go, such that its
 * output changes least in the sum of squares over the rows of `statistics`: channels that go are
 * made up for by a linear combination of those that stay (as in He et al. 2017, "Channel Pruning
 * for Accelerating Very Deep Neural Networks"). With S = sum of x x^T, K the inputs that stay and R
 * the others: W_K + W_R S_RK (S_KK + ridge mean(diag S_KK) I)^-1.
 */
Job rebuild(const CancelFlag& cancel, const Graph& graph, const ReaderLayer& reader,
            const Hessian& statistics, const std::set<int>& removed, double ridge,
            RebuiltLayer& result);

}  // namespace whittle
