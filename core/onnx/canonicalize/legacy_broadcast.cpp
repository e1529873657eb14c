#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/** Appends dimensions of 1 to a value: the constant itself, or through Unsqueeze. */
ValueId append_dimensions(Graph& graph, const Node& node, ValueId id, int count) {
  const int rank = rank_of(graph, id);
  if (const Tensor* tensor = graph.constant(id)) {
    Shape shape = tensor->shape();
    for (int i = 0; i < count; ++i) shape.push_back(1);
    return graph.add_constant(graph.value(id).name, tensor->reshaped(shape));
  }
  std::vector<int64_t> axes;
  for (int i = 0; i < count; ++i) axes.push_back(rank + i);
  const ValueId list = add_integers(graph, node, "axes", axes);
  return add_node(graph, node, "Unsqueeze", {id, list}, {}, graph.value(id).dtype);
}

/** Until 6 the second operand was broadcast only when asked, aligned with the first at `axis`. */
void align(Graph& graph, Node& node) {
  const bool asked = node.int_attribute("broadcast", 0) != 0;
  const bool placed = node.has("axis");
  int64_t axis = node.int_attribute("axis", 0);
  node.attributes.erase("broadcast");
  node.attributes.erase("axis");
  if (!asked || !placed) return;
  const int rank = rank_of(graph, node.input(0));
  const int other = rank_of(graph, node.input(1));
  if (rank < 0 || other < 0) {
    fail(Code::UNSUPPORTED, node.label(), "Expected operands of known rank for ", node.label(),
         " (broadcast along axis ", axis, ", opset 6 or older) but received unknown ones");
  }
  if (axis < 0) axis += rank;
  const int64_t count = rank - axis - other;
  if (count > 0) {
    node.inputs[1] = append_dimensions(graph, node, node.inputs[1], static_cast<int>(count));
  }
}

/** Until 6 a slope of one dimension meant one value per channel. */
void align_slope(Graph& graph, Node& node) {
  const Tensor* slope = graph.constant(node.input(1));
  if (slope == nullptr || slope->shape().rank() != 1 || slope->elements() == 1) return;
  const int rank = rank_of(graph, node.input(0));
  if (rank > 2) node.inputs[1] = append_dimensions(graph, node, node.inputs[1], rank - 2);
}

void drop_broadcast(Graph&, Node& node) {
  node.attributes.erase("broadcast");
}

}  // namespace

/** Broadcasting before numpy's rules (opset 7). */
void register_canonicalize_legacy_broadcast(CanonicalizeTable& table) {
  for (const char* op :
       {"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"}) {
    table.add({op, 6, align});
  }
  table.add({"PRelu", 6, align_slope});
  table.add({"Gemm", 6, drop_broadcast});
}

}  // namespace whittle
