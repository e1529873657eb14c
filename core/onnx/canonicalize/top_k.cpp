#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void k_to_input(Graph& graph, Node& node) {
  if (!node.has("k")) return;
  set_input(node, 1, add_integers(graph, node, "k", {node.int_attribute("k", 1)}));
  node.attributes.erase("k");
}

}  // namespace

/** TopK: k was an attribute. */
void register_canonicalize_top_k(CanonicalizeTable& table) {
  table.add({"TopK", 9, k_to_input});
}

}  // namespace whittle
