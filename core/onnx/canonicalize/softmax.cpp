#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/**
 * Until 12 the input was seen as a matrix, split at `axis` (default 1), and each row normalised:
 * the same as today's form along the last axis. Otherwise the matrix is made for real.
 */
void flatten(Graph& graph, Node& node) {
  const int64_t axis = node.int_attribute("axis", 1);
  const ValueId input = node.input(0);
  const int rank = rank_of(graph, input);
  node.attributes.insert_or_assign("axis", int64_t{-1});
  if (input == kNoValue || axis == -1 || (rank > 0 && axis == rank - 1)) return;

  const DType dtype = graph.value(input).dtype;
  const ValueId matrix = add_node(graph, node, "Flatten", {input}, {{"axis", axis}}, dtype);
  const ValueId rows = add_node(graph, node, node.op, {matrix}, node.attributes, dtype);
  const ValueId shape = add_node(graph, node, "Shape", {input}, {}, DType::i64);
  node.op = "Reshape";
  node.inputs = {rows, shape};
  node.attributes.clear();
}

}  // namespace

void register_canonicalize_softmax(CanonicalizeTable& table) {
  for (const char* op : {"Softmax", "LogSoftmax", "Hardmax"}) table.add({op, 12, flatten});
}

}  // namespace whittle
