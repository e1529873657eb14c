#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void rename_paddings(Graph&, Node& node) {
  const auto found = node.attributes.find("paddings");
  if (found == node.attributes.end()) return;
  node.attributes.insert_or_assign("pads", std::move(found->second));
  node.attributes.erase("paddings");
}

void attributes_to_inputs(Graph& graph, Node& node) {
  attribute_to_input(graph, node, "pads", 1);
  const float value = node.float_attribute("value", 0);
  if (value != 0) set_input(node, 2, add_scalar_like(graph, node, "value", value, node.input(0)));
  node.attributes.erase("value");
}

bool has_axes(const Graph&, const Node& node) {
  return node.input(3) != kNoValue;
}

bool wraps(const Graph&, const Node& node) {
  return node.string_attribute("mode", "constant") == "wrap";
}

}  // namespace

/** Pad: pads and value were attributes; axes came at 18, mode "wrap" at 19. */
void register_canonicalize_pad(CanonicalizeTable& table) {
  table.add({"Pad", 1, rename_paddings});
  table.add({"Pad", 10, attributes_to_inputs});
  table.add({"Pad", 17, nullptr, nullptr, has_axes});
  table.add({"Pad", 18, nullptr, nullptr, wraps});
}

}  // namespace whittle
