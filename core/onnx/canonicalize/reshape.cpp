#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void shape_to_input(Graph& graph, Node& node) {
  attribute_to_input(graph, node, "shape", 1);
}

bool keeps_zeros(const Graph&, const Node& node) {
  return node.int_attribute("allowzero", 0) != 0;
}

void drop_default(Graph&, Node& node) {
  node.attributes.erase("allowzero");
}

}  // namespace

/** Reshape: the shape was an attribute; allowzero came at 14. */
void register_canonicalize_reshape(CanonicalizeTable& table) {
  table.add({"Reshape", 4, shape_to_input});
  table.add({"Reshape", 13, nullptr, drop_default, keeps_zeros});
}

}  // namespace whittle
