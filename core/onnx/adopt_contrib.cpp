#include "core/onnx/adopt_contrib.h"

#include <algorithm>
#include <string_view>

#include "core/onnx/rewrite.h"

namespace whittle::onnx {
namespace {

std::vector<int64_t> permutation(size_t rank, bool to_channels_first) {
  std::vector<int64_t> order = {0};
  for (size_t i = 1; i + 1 < rank; ++i)
    order.push_back(static_cast<int64_t>(to_channels_first ? i : i + 1));
  order.insert(to_channels_first ? order.begin() + 1 : order.end(),
               to_channels_first ? static_cast<int64_t>(rank) - 1 : 1);
  return order;
}

/** The node becomes the transpose behind a MaxPool. */
void adopt_max_pool(Graph& graph, Node& node) {
  const size_t rank = node.ints_attribute("kernel_shape").size() + 2;
  const DType dtype =
      node.input(0) == kNoValue ? DType::undefined : graph.value(node.inputs[0]).dtype;
  const ValueId turned =
      add_node(graph, node, "Transpose", node.inputs, {{"perm", permutation(rank, true)}}, dtype);
  const ValueId pooled = add_node(graph, node, "MaxPool", {turned}, node.attributes, dtype);
  node.op = "Transpose";
  node.domain.clear();
  node.inputs = {pooled};
  node.attributes = {{"perm", permutation(rank, false)}};
}

}  // namespace

void adopt_contrib(Graph& graph, Node& node) {
  if (node.domain != "com.microsoft") return;
  if (node.op == "NhwcMaxPool" && !node.inputs.empty()) return adopt_max_pool(graph, node);
  constexpr std::string_view kSame[] = {"QuantizeLinear", "DequantizeLinear", "Range", "Trilu"};
  if (std::find(std::begin(kSame), std::end(kSame), node.op) != std::end(kSame)) {
    node.domain.clear();
  }
}

}  // namespace whittle::onnx
