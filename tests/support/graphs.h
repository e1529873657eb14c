#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/graph/graph.h"

namespace whittle::test {

/** Builds small graphs by value name, node after node; names that are new become values. */
class GraphMaker {
 public:
  GraphMaker& input(const std::string& name, Dims dims, DType dtype = DType::f32) {
    const ValueId id = graph.add_value(name, dtype, std::move(dims));
    graph.inputs.push_back(id);
    return *this;
  }
  GraphMaker& constant(const std::string& name, Tensor tensor) {
    graph.add_constant(name, std::move(tensor));
    return *this;
  }
  GraphMaker& floats(const std::string& name, const Shape& shape, uint64_t seed) {
    return constant(name, random_floats(shape, seed));
  }
  GraphMaker& integers(const std::string& name, const std::vector<int64_t>& values) {
    return constant(name, Tensor::of(Shape{static_cast<int64_t>(values.size())},
                                     std::span<const int64_t>(values)));
  }
  GraphMaker& node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs, Attributes attributes = {}) {
    Node node;
    node.op = op;
    node.name = op + "_" + std::to_string(graph.nodes.size());
    for (const std::string& name : inputs) node.inputs.push_back(id_of(name));
    for (const std::string& name : outputs) node.outputs.push_back(id_of(name));
    node.attributes = std::move(attributes);
    graph.nodes.push_back(std::move(node));
    return *this;
  }
  GraphMaker& output(const std::string& name) {
    graph.outputs.push_back(id_of(name));
    return *this;
  }

  ValueId id_of(const std::string& name) {
    if (name.empty()) return kNoValue;
    const ValueId found = graph.find(name);
    return found == kNoValue ? graph.add_value(name) : found;
  }

  static Tensor random_floats(const Shape& shape, uint64_t seed) {
    Tensor tensor = Tensor::allocate(DType::f32, shape);
    Random random(seed);
    for (float& value : tensor.mutable_data<float>()) value = random.uniform(-1, 1);
    return tensor;
  }

  Graph graph;
};

/** How many nodes of operator `op` a graph has. */
inline int count_nodes(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node& node : graph.nodes) count += node.op == op;
  return count;
}

}  // namespace whittle::test
