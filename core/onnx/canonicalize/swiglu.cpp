#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

constexpr int64_t kEveryOpset = 1 << 20;

/** y = Swish(a) b, for which other operators have fast kernels. */
void split(Graph& graph, Node& node) {
  if (node.inputs.size() != 2 || node.inputs[0] == kNoValue) return;
  const DType dtype = graph.value(node.inputs[0]).dtype;
  const ValueId gate = add_node(graph, node, "Swish", {node.inputs[0]},
                                {{"alpha", node.float_attribute("alpha", 1.0f)}}, dtype);
  node.op = "Mul";
  node.inputs = {gate, node.inputs[1]};
  node.attributes.clear();
}

}  // namespace

/** SwiGLU (28): two operators in every opset. */
void register_canonicalize_swiglu(CanonicalizeTable& table) {
  table.add({"SwiGLU", kEveryOpset, split});
}

}  // namespace whittle
