#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void attributes_to_inputs(Graph& graph, Node& node) {
  attribute_to_input(graph, node, "starts", 1);
  attribute_to_input(graph, node, "ends", 2);
  attribute_to_input(graph, node, "axes", 3);
}

}  // namespace

/** Slice: everything but the data was an attribute. */
void register_canonicalize_slice(CanonicalizeTable& table) {
  table.add({"Slice", 9, attributes_to_inputs});
}

}  // namespace whittle
