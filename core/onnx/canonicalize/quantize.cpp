#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

DType type_of(const Graph& graph, const Node& node, size_t index) {
  const ValueId id = node.input(index);
  return id == kNoValue ? DType::undefined : graph.value(id).dtype;
}

/** The narrow type: the zero point's, or that of the data to dequantize. */
DType narrow_type(const Graph& graph, const Node& node) {
  const DType zero_point = type_of(graph, node, 2);
  if (zero_point != DType::undefined) return zero_point;
  if (node.op == "DequantizeLinear") return type_of(graph, node, 0);
  return static_cast<DType>(node.int_attribute("output_dtype", 0));
}

bool needs_19(const Graph& graph, const Node& node) {
  const DType type = narrow_type(graph, node);
  const DType scale = type_of(graph, node, 1);
  return scale == DType::f16 || scale == DType::bf16 ||
         (type >= DType::f8e4m3fn && type <= DType::f8e5m2fnuz);
}

bool needs_21(const Graph& graph, const Node& node) {
  const DType type = narrow_type(graph, node);
  return node.int_attribute("block_size", 0) != 0 || type == DType::u16 || type == DType::i16 ||
         type == DType::u4 || type == DType::i4 ||
         (type_of(graph, node, 2) == DType::undefined && node.op == "QuantizeLinear" &&
          type != DType::undefined && type != DType::u8);
}

void drop_saturate(Graph&, Node& node) {
  node.attributes.erase("saturate");
}

void drop_defaults(Graph&, Node& node) {
  node.attributes.erase("block_size");
  node.attributes.erase("output_dtype");
}

}  // namespace

/** QuantizeLinear, DequantizeLinear: 8-bit floats at 19; blocks, 4 and 16 bits at 21. */
void register_canonicalize_quantize(CanonicalizeTable& table) {
  for (const char* op : {"QuantizeLinear", "DequantizeLinear"}) {
    table.add({op, 18, nullptr, drop_saturate, needs_19});
    table.add({op, 20, nullptr, drop_defaults, needs_21});
  }
}

}  // namespace whittle
