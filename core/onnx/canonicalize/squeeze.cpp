#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void axes_to_input(Graph& graph, Node& node) {
  attribute_to_input(graph, node, "axes", 1);
}

}  // namespace

/** Squeeze and Unsqueeze: axes were an attribute. */
void register_canonicalize_squeeze(CanonicalizeTable& table) {
  table.add({"Squeeze", 12, axes_to_input});
  table.add({"Unsqueeze", 12, axes_to_input});
}

}  // namespace whittle
