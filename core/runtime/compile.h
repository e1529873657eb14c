#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/runtime/plan_builder.h"

namespace whittle {

/** The part of compiling that needs no shapes: passes on a copy, with observed values kept. Throws
 * UNSUPPORTED_OPERATOR, and UNKNOWN_OUTPUT for an observed name the graph lacks. */
Graph prepare_graph(Graph graph, const CompileOptions& options);

/** What is known of the graph's inputs: shapes, and for some the value. */
struct InputKnowledge {
  std::vector<Shape> shapes;
  std::vector<DType> dtypes;
  std::vector<Tensor> values;  // undefined: unknown
};

struct CompileResult {
  std::unique_ptr<Plan> plan;
  /** Something is left whose shape, or whose branch, is only known during a run. */
  bool run_time_shapes = false;
};

/** Compiles a graph from prepare_graph for given input shapes. */
CompileResult compile(const Graph& graph, const InputKnowledge& inputs,
                      const CompileOptions& options, const std::shared_ptr<PackCache>& packs);

}  // namespace whittle
