#include <algorithm>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

bool is_zeros(const Graph& graph, const GraphIndex& index, ValueId id) {
  if (id == kNoValue) return false;
  const auto all_zero = [](const Tensor& tensor) {
    if (tensor.dtype() != DType::f32) return false;
    const auto values = tensor.data<float>();
    return std::all_of(values.begin(), values.end(), [](float value) { return value == 0; });
  };
  if (const Tensor* constant = graph.constant(id)) return all_zero(*constant);
  const Node* maker = index.producer(id);
  if (maker == nullptr) return false;
  if (maker->is("Expand")) return is_zeros(graph, index, maker->input(0));
  if (!maker->is("ConstantOfShape")) return false;
  const Tensor value = maker->tensor_attribute("value");
  return !value.defined() || all_zero(value);
}

}  // namespace

/** The initial states of LSTM, GRU and RNN are zeros where none are given: exporters make such
 * zeros from the batch size, with operators that nobody needs then. */
bool drop_zero_state(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return drop_zero_state(subgraph, context); });
  }
  const GraphIndex index(graph);
  for (Node& node : graph.nodes) {
    if (!node.is("LSTM") && !node.is("GRU") && !node.is("RNN")) continue;
    for (size_t i : {5u, 6u}) {
      if (i >= node.inputs.size() || !is_zeros(graph, index, node.inputs[i])) continue;
      node.inputs[i] = kNoValue;
      changed = true;
    }
    while (!node.inputs.empty() && node.inputs.back() == kNoValue) node.inputs.pop_back();
  }
  return changed;
}

}  // namespace whittle
