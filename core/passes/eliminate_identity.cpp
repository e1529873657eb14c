#include <algorithm>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

bool all_equal(const Graph& graph, ValueId id, int64_t wanted) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr) return false;
  const auto values = to_int64s(*tensor, graph.value(id).name);
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
}

bool is_off(const Graph& graph, ValueId id) {
  return id == kNoValue || all_equal(graph, id, 0);
}

bool keeps_order(const Node& node) {
  const auto perm = node.ints_attribute("perm");
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return !perm.empty();
}

/** Reshape to the dimensions the input has already, as far as both are known. */
bool keeps_shape(const Graph& graph, const Node& node) {
  const Tensor* target = graph.constant(node.input(1));
  if (target == nullptr || node.int_attribute("allowzero", 0) != 0) return false;
  const auto wanted = to_int64s(*target, node.label());
  const auto& dims = graph.value(node.input(0)).dims;
  if (!dims || dims->size() != wanted.size()) return false;
  int free = 0;  // one dimension may be left to be computed: it comes out as it is
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0) continue;
    if (wanted[i] == -1) {
      ++free;
    } else if (!((*dims)[i] == Dim(wanted[i]))) {
      return false;
    }
  }
  return free <= 1;
}

/** Whether output 0 is input 0 unchanged, and nothing else is made. */
bool is_identity(const Graph& graph, const Node& node) {
  const ValueId input = node.input(0);
  if (input == kNoValue || !node.domain.empty()) return false;
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) return false;
  }
  if (node.op == "Identity") return true;
  if (node.op == "Dropout") return is_off(graph, node.input(2));
  if (node.op == "Transpose") return keeps_order(node);
  if (node.op == "Reshape") return keeps_shape(graph, node);
  if (node.op == "Concat" || node.op == "Sum" || node.op == "Mean" || node.op == "Max" ||
      node.op == "Min") {
    return node.inputs.size() == 1;
  }
  if (node.op == "Pad") return node.input(1) != kNoValue && all_equal(graph, node.input(1), 0);
  if (node.op == "Cast") {
    const DType dtype = graph.value(input).dtype;
    return dtype != DType::undefined && node.int_attribute("to", 0) == static_cast<int64_t>(dtype);
  }
  return false;
}

/** The value is made by a node of this graph and free to take another name. */
bool can_be_renamed(const Graph& graph, const GraphIndex& index, ValueId id) {
  return index.producer(id) != nullptr && !index.is_output(id) && !graph.value(id).is_constant();
}

}  // namespace

/**
 * Takes out what hands its input on: Identity, Dropout at inference, casts to the same type, and
 * transposes, pads, reshapes and concatenations of nothing. A graph output keeps its name: the node
 * before writes it directly; where that is impossible (an input or constant as output) the node
 * stays.
 */
bool eliminate_identity(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return eliminate_identity(subgraph, context); });
  }
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (!is_identity(graph, node) || node.output(0) == kNoValue) continue;
    const ValueId from = node.outputs[0];
    const ValueId to = node.inputs[0];
    const bool is_output =
        std::find(graph.outputs.begin(), graph.outputs.end(), from) != graph.outputs.end();
    if (!is_output) {
      dead[i] = true;
      graph.replace_uses(from, to);
      continue;
    }
    const GraphIndex index(graph);
    const int producer = index.producer_index(to);
    if (!can_be_renamed(graph, index, to) || dead[static_cast<size_t>(producer)]) continue;
    auto& outputs = graph.nodes[static_cast<size_t>(producer)].outputs;
    std::replace(outputs.begin(), outputs.end(), to, from);
    dead[i] = true;
    node.outputs.clear();
    node.inputs.clear();
    graph.replace_uses(to, from);
  }
  if (std::find(dead.begin(), dead.end(), true) == dead.end()) return changed;
  remove_nodes(graph, dead);
  return true;
}

}  // namespace whittle
