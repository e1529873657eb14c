#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

/**
 * Evaluates a graph node by node with the reference implementations: the oracle of every test, and
 * what constant folding uses. `feeds` gives the graph's inputs by name. Returns the outputs in
 * order. Throws MISSING_INPUT, UNSUPPORTED_OPERATOR and whatever the operators throw.
 */
std::vector<Tensor> interpret(const Graph& graph, const OpTable& table,
                              const std::map<std::string, Tensor>& feeds, ThreadPool& pool);

/** Evaluates one node on given inputs with its reference implementation. */
std::vector<Tensor> evaluate_node(const Node& node, const OpTable& table,
                                  std::span<const Tensor> inputs, ThreadPool& pool);

}  // namespace whittle
