#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

/** From opset 18 on these take a tensor or sequence too, OptionalHasElement also no input. */
bool is_not_optional(const Graph& graph, const Node& node) {
  if (node.input(0) == kNoValue) return true;
  const DType dtype = graph.value(node.inputs[0]).dtype;
  return dtype != DType::optional && dtype != DType::optional_sequence;
}

}  // namespace

void register_canonicalize_optional(CanonicalizeTable& table) {
  for (const char* op : {"OptionalGetElement", "OptionalHasElement"}) {
    table.add({op, 17, nullptr, nullptr, is_not_optional});
  }
}

}  // namespace whittle
