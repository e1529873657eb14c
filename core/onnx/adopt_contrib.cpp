#include "core/onnx/adopt_contrib.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/onnx/adopt_fused.h"
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

/** A constant of bytes that hold two or four codes each, as what is inside. */
ValueId unpacked(Graph& graph, const Node& node, ValueId bytes, int64_t bits, const char* suffix) {
  const Tensor packed = *graph.constant(bytes);
  Shape shape = packed.shape();
  shape[shape.rank() - 1] *= 8 / bits;
  const DType dtype = bits == 2 ? DType::u2 : DType::u4;
  Tensor codes = Tensor::allocate(dtype, shape);
  std::memcpy(codes.mutable_raw(), packed.raw(), static_cast<size_t>(packed.bytes()));
  return graph.add_constant(node.name + "_" + suffix, std::move(codes));
}

/** Zero points of 2^(bits - 1) for every scale. */
ValueId middle(Graph& graph, const Node& node, DType dtype, int64_t bits, const Shape& scales) {
  const int half = 1 << (bits - 1);
  const int byte = bits == 8 ? half : bits == 4 ? half * 0x11 : half * 0x55;
  Tensor zero_points = Tensor::allocate(dtype, scales);
  std::memset(zero_points.mutable_raw(), byte, static_cast<size_t>(zero_points.bytes()));
  return graph.add_constant(node.name + "_zero_point", std::move(zero_points));
}

/** Whether the codes are of a type of their own, or bytes of a constant that can be taken apart. */
bool has_readable_codes(const Graph& graph, const Node& node, int64_t bits) {
  if (node.inputs.size() < 3) return false;
  if (graph.value(node.inputs[0]).dtype != DType::u8) return true;
  const Tensor* codes = graph.constant(node.inputs[0]);
  const Tensor* scales = graph.constant(node.inputs[2]);
  const Tensor* zero_points = graph.constant(node.input(3));
  if (codes == nullptr || codes->shape().rank() == 0 || scales == nullptr) return false;
  if (bits != 2 && bits != 4 && bits != 8) return false;
  if (node.input(3) == kNoValue) return true;
  // Rows that end inside a byte are left alone.
  return zero_points != nullptr && zero_points->elements() * (8 / bits) == scales->elements();
}

/** The node becomes the Gather behind a DequantizeLinear. */
void adopt_gather(Graph& graph, Node& node) {
  const int64_t bits = node.int_attribute("bits", 4);
  if (!has_readable_codes(graph, node, bits)) return;
  const ValueId indices = node.inputs[1], scales = node.inputs[2];
  ValueId codes = node.inputs[0];
  ValueId zero_points = node.input(3);
  if (graph.value(codes).dtype == DType::u8) {
    if (bits < 8) codes = unpacked(graph, node, codes, bits, "codes");
    const DType dtype = graph.value(codes).dtype;
    if (zero_points == kNoValue) {
      zero_points = middle(graph, node, dtype, bits, graph.constant(scales)->shape());
    } else if (bits < 8) {
      zero_points = unpacked(graph, node, zero_points, bits, "zero_point");
    }
  }
  std::vector<ValueId> inputs = {codes, scales};
  if (zero_points != kNoValue) inputs.push_back(zero_points);
  const DType dtype = graph.value(scales).dtype;
  const ValueId table = add_node(graph, node, "DequantizeLinear", std::move(inputs),
                                 {{"axis", node.int_attribute("quantize_axis", 1)},
                                  {"block_size", node.int_attribute("block_size", 128)}},
                                 dtype);
  const int64_t axis = node.int_attribute("gather_axis", 0);
  node.op = "Gather";
  node.domain.clear();
  node.inputs = {table, indices};
  node.attributes = {{"axis", axis}};
}

}  // namespace

void adopt_contrib(Graph& graph, Node& node) {
  if (node.domain != "com.microsoft") return;
  if (node.op == "NhwcMaxPool" && !node.inputs.empty()) return adopt_max_pool(graph, node);
  if (node.op == "FusedGemm" || node.op == "FusedConv") return adopt_fused(graph, node);
  if (node.op == "GatherBlockQuantized") return adopt_gather(graph, node);
  constexpr std::string_view kSame[] = {"QuantizeLinear", "DequantizeLinear", "Range", "Trilu"};
  if (std::find(std::begin(kSame), std::end(kSame), node.op) != std::end(kSame)) {
    node.domain.clear();
  }
}

}  // namespace whittle::onnx
