#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/ops/op.h"

namespace whittle {

/** The deterministic cost of one node. */
struct LayerCost {
  std::string name;
  std::string op;
  std::string origin;        // original name of the first output
  std::string output_shape;  // "[1,64,56,56]"
  int64_t parameters =
      0;  // elements of its constants of rank >= 1, shared ones counted at their first reader
  int64_t weight_bytes = 0;  // of those constants as stored
  int64_t macs = 0;
  bool macs_known = true;  // false when a shape depends on an unknown dimension
};

struct ModelCost {
  std::vector<LayerCost> layers;  // in graph order, subgraphs after their node
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  int64_t macs = 0;
  bool macs_known = true;
  /** The input shapes these numbers hold for; empty when no assumption fits the model. */
  std::map<std::string, Shape> input_shapes;
};

/**
 * Costs at concrete input shapes. Without an entry a first dimension that is unknown (the batch)
 * counts as 1, and the others as the first of 64, 512 and 1 that the model's operators accept.
 */
ModelCost model_cost(const Graph& graph, const OpTable& ops,
                     const std::map<std::string, Shape>& input_shapes = {});

/** Bytes of all distinct constants of a graph and its subgraphs. */
int64_t constant_bytes(const Graph& graph);

}  // namespace whittle
