#include <algorithm>

#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

bool dilates(const Graph&, const Node& node) {
  for (int64_t step : node.ints_attribute("dilations")) {
    if (step != 1) return true;
  }
  return false;
}

bool dilates_or_ceils(const Graph& graph, const Node& node) {
  return dilates(graph, node) || node.int_attribute("ceil_mode", 0) != 0;
}

void drop_dilations(Graph&, Node& node) {
  node.attributes.erase("dilations");
}

void drop_dilations_and_ceil(Graph&, Node& node) {
  node.attributes.erase("dilations");
  node.attributes.erase("ceil_mode");
}

/** The exponent was a float in the first opset. */
void whole_exponent(Graph&, Node& node) {
  const auto found = node.attributes.find("p");
  if (found == node.attributes.end()) return;
  if (const auto* p = std::get_if<float>(&found->second)) {
    found->second = static_cast<int64_t>(std::clamp(*p, 1.0f, 1e6f));
  }
}

}  // namespace

void register_canonicalize_pooling(CanonicalizeTable& table) {
  table.add({"AveragePool", 18, nullptr, drop_dilations, dilates});
  table.add({"LpPool", 1, whole_exponent});
  table.add({"GlobalLpPool", 1, whole_exponent});
  table.add({"LpPool", 17, nullptr, drop_dilations_and_ceil, dilates_or_ceils});
}

}  // namespace whittle
