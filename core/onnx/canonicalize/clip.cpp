#include <limits>

#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void bounds_to_inputs(Graph& graph, Node& node) {
  const auto move = [&](const char* attribute, size_t index, float unbounded) {
    const float value = node.float_attribute(attribute, unbounded);
    if (value != unbounded) {
      set_input(node, index, add_scalar_like(graph, node, attribute, value, node.input(0)));
    }
    node.attributes.erase(attribute);
  };
  move("min", 1, std::numeric_limits<float>::lowest());
  move("max", 2, std::numeric_limits<float>::max());
}

}  // namespace

/** Clip: min and max were attributes, with the range of float32 as "no bound". */
void register_canonicalize_clip(CanonicalizeTable& table) {
  table.add({"Clip", 10, bounds_to_inputs});
}

}  // namespace whittle
