#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/**
 * Until 20 scale and bias were per group, since 21 they are per channel. Per group is what
 * InstanceNormalization does once each group's channels are one: [N,C,...] -> [N,G,-1] -> back.
 */
void groups_as_instances(Graph& graph, Node& node) {
  const ValueId input = node.input(0);
  const int64_t groups = node.int_attribute("num_groups", 1);
  if (input == kNoValue || node.inputs.size() < 3) return;
  const DType dtype = graph.value(input).dtype;
  const ValueId grouped = add_integers(graph, node, "grouped", {0, groups, -1});
  const ValueId joined = add_node(graph, node, "Reshape", {input, grouped}, {}, dtype);
  const ValueId normal =
      add_node(graph, node, "InstanceNormalization", {joined, node.inputs[1], node.inputs[2]},
               {{"epsilon", node.float_attribute("epsilon", 1e-5f)}}, dtype);
  const ValueId shape = add_node(graph, node, "Shape", {input}, {}, DType::i64);
  node.op = "Reshape";
  node.inputs = {normal, shape};
  node.attributes.clear();
}

bool always(const Graph&, const Node&) {
  return true;
}

}  // namespace

void register_canonicalize_group_normalization(CanonicalizeTable& table) {
  table.add({"GroupNormalization", 20, groups_as_instances, nullptr, always});
}

}  // namespace whittle
