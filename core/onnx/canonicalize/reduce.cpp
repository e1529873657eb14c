#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void axes_to_input(Graph& graph, Node& node) {
  attribute_to_input(graph, node, "axes", 1);
}

void axes_to_attribute(Graph& graph, Node& node) {
  input_to_attribute(graph, node, 1, "axes");
  node.attributes.erase("noop_with_empty_axes");
}

bool needs_axes_input(const Graph& graph, const Node& node) {
  return is_computed(graph, node, 1) || node.int_attribute("noop_with_empty_axes", 0) != 0;
}

}  // namespace

/** Reductions: axes were an attribute; ReduceSum changed at 13, the others at 18. */
void register_canonicalize_reduce(CanonicalizeTable& table) {
  table.add({"ReduceSum", 12, axes_to_input});
  for (const char* op : {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
                         "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"}) {
    table.add({op, 17, axes_to_input, axes_to_attribute, needs_axes_input});
  }
}

}  // namespace whittle
