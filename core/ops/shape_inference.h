#pragma once

#include <map>
#include <string>

#include "core/ops/op.h"

namespace whittle {

struct InferenceOptions {
  /** Concrete shapes for graph inputs by name; others keep their declared dims. */
  std::map<std::string, Shape> input_shapes;
  /** Values known beforehand (small integer inputs that give shapes). */
  std::map<std::string, Tensor> input_values;
  /** Small results are evaluated and kept as constants of the inference (Shape, Gather, Concat...)
   * while they have at most this many elements. */
  int64_t fold_elements = 1024;
};

/**
 * Infers type and dims of every value of `graph` in place, from its inputs and constants, and
 * returns the facts by ValueId (with the small constants that were found on the way). Operators the
 * table lacks give unknown facts; a contradiction with the graph's structure throws SHAPE_MISMATCH,
 * TYPE_MISMATCH or INVALID_GRAPH naming the node. Symbols of graph inputs are kept where a
 * dimension is passed through unchanged.
 */
std::vector<Fact> infer_shapes(Graph& graph, const OpTable& table,
                               const InferenceOptions& options = {});

}  // namespace whittle
