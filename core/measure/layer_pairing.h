#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/ops/op.h"

namespace whittle {

/**
 * A stretch of the original and the stretch of the compressed model that makes the same tensor: the
 * nodes between it and the nearest tensors before it that both models have. Usually one operator,
 * with the normalization or activation that compression has fused into it.
 */
struct LayerPair {
  std::string name;           // of the original's node that does most of the work
  std::string op;             // of that node
  std::string compressed_op;  // of what stands for it, "MatMul+MatMul" when it is several
  std::string output;         // the tensor both make, as the original spells it
  std::string compressed_output;
  bool channels_first = false;  // channels are axis 1 of the tensor; else they are the last one
  int64_t macs = 0;
  int64_t compressed_macs = 0;
  int64_t bytes = 0;  // of the constants read
  int64_t compressed_bytes = 0;
  DType weights = DType::undefined;  // how the compressed model stores the largest of them
};

/** A layer without a counterpart. */
struct LoneLayer {
  std::string name;
  std::string op;
  bool in_original = false;
  std::string reason;
};

struct LayerPairing {
  std::vector<LayerPair> pairs;  // in the original's order
  std::vector<LoneLayer> alone;
};

/**
 * Pairs the layers of two models by the original names of their tensors; the graphs' outputs are
 * paired by position where their names differ. Operators that only move values, and what is
 * computed from constants alone, are no layers. `input_shapes` are those the costs hold for.
 */
LayerPairing pair_layers(const Graph& original, const Graph& compressed, const OpTable& ops,
                         const std::map<std::string, Shape>& input_shapes);

}  // namespace whittle
