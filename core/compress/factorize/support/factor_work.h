#pragma once

#include <vector>

#include "core/graph/graph.h"
#include "core/ops/op.h"

namespace whittle {

/** What running some nodes takes. */
struct FactorWork {
  bool known = false;  // false where shapes are not known
  double macs = 0;
  double time = 0;  // in multiply-accumulates of a dense product

  FactorWork& operator+=(const FactorWork& other);
};

/**
 * The predicted work of single nodes at the shapes a model usually runs at (model_cost's). Time is
 * a fixed model of our kernels, so that decisions are the same on every machine: depthwise
 * multiply-accumulates count four times, an element that is read or written as four.
 */
class FactorWorkModel {
 public:
  FactorWorkModel(const Graph& graph, const OpTable& ops);

  /** The work of `nodes`, which take the place of `reader`, a node of `graph`. New values they
   * mention must be in `values` (a copy of the graph's values with theirs behind). */
  FactorWork of(const Node& reader, const std::vector<Node>& nodes,
                const std::vector<Value>& values) const;
  bool covers(const Graph& graph) const { return known_ && &graph == original_; }

 private:
  const Graph* original_;
  const OpTable& ops_;
  Graph shaped_;
  bool known_ = false;
};

}  // namespace whittle
