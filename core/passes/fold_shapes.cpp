#include <algorithm>

#include "core/ops/shape_inference.h"
#include "core/passes/pass.h"

namespace whittle {
namespace {

/** Results longer than this are no arithmetic on shapes. */
constexpr int64_t kMaxElements = 256;

/** What makes stored values bigger stays where it is: the runtime widens weights in registers. */
bool widens_weights(const Graph& graph, const Node& node) {
  if (node.is("DequantizeLinear")) return true;
  return node.is("Cast") && graph.constant(node.input(0)) != nullptr;
}

}  // namespace

/**
 * Values that follow from shapes that are known become constants, and every value gets the type and
 * the dimensions that inference finds. Outputs of the graph stay computed.
 */
bool fold_shapes(Graph& graph, const PassContext& context) {
  const std::vector<Fact> facts = infer_shapes(graph, context.ops);
  bool changed = false;
  for (const Node& node : graph.nodes) {
    if (widens_weights(graph, node)) continue;
    for (ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      const Tensor& known = facts[static_cast<size_t>(id)].constant;
      Value& value = graph.value(id);
      if (!known.defined() || value.is_constant() || known.elements() > kMaxElements) continue;
      if (std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end()) {
        continue;
      }
      value.constant = known;
      value.dtype = known.dtype();
      value.dims = to_dims(known.shape());
      changed = true;
    }
  }
  if (!changed) return false;
  // A value has one source: nodes whose results are constants now make nothing.
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.outputs) {
      if (id != kNoValue && graph.value(id).is_constant()) id = kNoValue;
    }
  }
  std::erase_if(graph.nodes, [](const Node& node) {
    return !node.outputs.empty() && std::all_of(node.outputs.begin(), node.outputs.end(),
                                                [](ValueId id) { return id == kNoValue; });
  });
  return true;
}

}  // namespace whittle
