#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/technique.h"
#include "core/graph/traversal.h"

namespace whittle {

/**
 * A layer of a quantized graph beside its float self, and where its bias stands: in a float
 * constant, or in int32 behind a DequantizeLinear whose scale is input scale times weight scale.
 * Nodes are told by name: indices move when biases are added.
 */
struct BiasSite {
  std::string name;  // of the layer in both graphs
  int axis = 1;      // of the channels in the output
  int64_t channels = 0;
  ValueId output = kNoValue;     // in the quantized graph
  ValueId reference = kNoValue;  // in the float graph

  std::string
      holder;       // node that reads the bias: the layer, an Add, or the bias's DequantizeLinear
  size_t slot = 0;  // which input of it; beyond its inputs: the layer has no bias
  /** Real value of one unit, [channels], for integer biases; empty for float ones. */
  std::vector<float> unit;
  /** The bias before correction, in units. */
  std::vector<double> base;

  bool integer() const { return !unit.empty(); }
};

/** What a corrected layer's bias gets: whole units for an integer one. */
using Correction = std::vector<float>;

/**
 * The quantized layers of `graph` that have a float layer of the same name in `reference`, in graph
 * order. Layers that cannot be corrected are reported with their reason.
 */
std::vector<BiasSite> find_bias_sites(TechniqueContext& context, const Graph& graph,
                                      const Graph& reference, const std::set<std::string>& chosen);

/** Sets the bias of a site to its base plus `correction`. */
void write_bias(Graph& graph, NameMaker& names, BiasSite& site, const Correction& correction);

}  // namespace whittle
