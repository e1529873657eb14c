#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void axis_to_input(Graph& graph, Node& node) {
  const int64_t axis = node.int_attribute("axis", 1);
  node.attributes.erase("axis");
  set_input(node, 2, graph.add_constant(node.name + "_axis", Tensor::scalar(axis)));
}

void axis_to_attribute(Graph& graph, Node& node) {
  int64_t axis = -2;  // what 20 means by an absent input
  if (const Tensor* given = graph.constant(node.input(2))) {
    axis = to_int64s(*given, node.label()).at(0);
    node.inputs[2] = kNoValue;
    trim_inputs(node);
  }
  node.attributes.insert_or_assign("axis", axis);
}

bool has_computed_axis(const Graph& graph, const Node& node) {
  const Tensor* given = graph.constant(node.input(2));
  return is_computed(graph, node, 2) || (given != nullptr && given->elements() != 1);
}

}  // namespace

void register_canonicalize_dft(CanonicalizeTable& table) {
  table.add({"DFT", 19, axis_to_input, axis_to_attribute, has_computed_axis});
}

}  // namespace whittle
