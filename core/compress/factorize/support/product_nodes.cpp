#include "core/compress/factorize/support/product_nodes.h"

namespace whittle {
namespace {

Node node_in_front(Graph& graph, NameMaker& names, const Node& reader, std::string op,
                   ValueId factor) {
  Node node;
  node.op = std::move(op);
  node.name = names.fresh(reader.name + "_svd");
  node.inputs = {reader.input(0), factor};
  node.outputs = {graph.add_value(names.fresh("v"), DType::f32)};
  return node;
}

}  // namespace

std::vector<Node> expand_product(Graph& graph, NameMaker& names, const Node& reader,
                                 const std::vector<ValueId>& factors) {
  Node first = node_in_front(graph, names, reader, reader.op, factors[0]);
  Node second = reader;
  for (const char* name : {"transA", "transB"}) {
    if (reader.is("Gemm") && reader.has(name)) {
      first.attributes[name] = reader.attributes.find(name)->second;
    }
  }
  second.attributes.erase("transA");
  second.inputs[0] = first.outputs[0];
  second.inputs[1] = factors[1];
  return {std::move(first), std::move(second)};
}

std::vector<Node> expand_recurrent(Graph& graph, NameMaker& names, const Node& reader,
                                   const std::vector<ValueId>& factors) {
  Node first = node_in_front(graph, names, reader, "MatMul", factors[0]);
  Node second = reader;
  second.inputs[0] = first.outputs[0];
  second.inputs[1] = factors[1];
  return {std::move(first), std::move(second)};
}

std::vector<Node> expand_embedding(Graph& graph, NameMaker& names, const Node& reader,
                                   const std::vector<ValueId>& factors) {
  Node first = node_in_front(graph, names, reader, "Gather", factors[0]);
  first.inputs = {factors[0], reader.input(1)};
  first.attributes = reader.attributes;
  Node second;
  second.op = "MatMul";
  second.name = reader.name;
  second.inputs = {first.outputs[0], factors[1]};
  second.outputs = reader.outputs;
  return {std::move(first), std::move(second)};
}

}  // namespace whittle
