#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void sizes_to_input(Graph& graph, Node& node) {
  attribute_to_input(graph, node, "split", 1);
}

void state_outputs(Graph&, Node& node) {
  if (node.input(1) != kNoValue) return;
  node.attributes.insert_or_assign("num_outputs", static_cast<int64_t>(node.outputs.size()));
}

void imply_outputs(Graph&, Node& node) {
  node.attributes.erase("num_outputs");
}

}  // namespace

/** Split: sizes were an attribute; since 18 equal parts are asked for by their number. */
void register_canonicalize_split(CanonicalizeTable& table) {
  table.add({"Split", 12, sizes_to_input});
  table.add({"Split", 17, state_outputs, imply_outputs});
}

}  // namespace whittle
