#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void become_elements(Graph&, Node& node) {
  node.op = "ScatterElements";
}

bool adds(const Graph&, const Node& node) {
  return node.string_attribute("reduction", "none") != "none";
}

bool picks(const Graph&, const Node& node) {
  const std::string reduction = node.string_attribute("reduction", "none");
  return reduction == "max" || reduction == "min";
}

void drop_default(Graph&, Node& node) {
  node.attributes.erase("reduction");
}

}  // namespace

/** Scatter was renamed at 11; reductions came at 16 (add, mul) and 18 (max, min). */
void register_canonicalize_scatter(CanonicalizeTable& table) {
  table.add({"Scatter", 10, become_elements});
  for (const char* op : {"ScatterElements", "ScatterND"}) {
    table.add({op, 15, nullptr, drop_default, adds});
    table.add({op, 17, nullptr, nullptr, picks});
  }
}

}  // namespace whittle
