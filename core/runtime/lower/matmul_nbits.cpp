#include <algorithm>

#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {
namespace {

/** What a MatMulNBits states: rows of n weights in blocks along k. */
struct Form {
  int64_t k, n, bits, size, blocks;

  explicit Form(const Node& node)
      : k(node.int_attribute("K", 0)),
        n(node.int_attribute("N", 0)),
        bits(node.int_attribute("bits", 4)),
        size(node.int_attribute("block_size", 32)),
        blocks(size > 0 ? k / size : 0) {}
  /** The weights are those of a tensor [n, k] of 4 or 8 bits: whole blocks, no odd ends. */
  bool is_plain() const {
    return (bits == 4 || bits == 8) && k >= 1 && n >= 1 && size >= 16 && k % size == 0;
  }
};

bool is_constant(const LoweredGraph& graph, ValueId id, DType dtype, int64_t elements) {
  const Tensor* tensor = graph.constant(id);
  return tensor != nullptr && tensor->dtype() == dtype && tensor->elements() == elements;
}

/** Zero points of all blocks; 2^(bits - 1) where none are given. */
std::vector<int32_t> zero_points(const Form& form, const Tensor* packed) {
  std::vector<int32_t> made(static_cast<size_t>(form.n * form.blocks), 1 << (form.bits - 1));
  if (packed == nullptr) return made;
  const int64_t row_bytes = (form.blocks * form.bits + 7) / 8;
  for (size_t i = 0; i < made.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const int64_t block = index % form.blocks, first = index / form.blocks * row_bytes;
    const int byte = std::to_integer<int>(packed->raw()[first + block * form.bits / 8]);
    made[i] = form.bits == 8 ? byte : byte >> (block % 2 * 4) & 15;
  }
  return made;
}

/** Whether the product can run on weights as they are stored. */
bool can_lower(const LoweredOp& op, const LoweredGraph& graph, const Form& form) {
  const Node& node = op.node;
  const ValueId zero = node.input(3), bias = node.input(5);
  const int64_t row_bytes = (form.blocks * form.bits + 7) / 8;
  return form.is_plain() && node.input(4) == kNoValue && is_f32(graph, node.inputs[0]) &&
         graph.value(node.outputs[0]).is_static && graph.value(node.outputs[0]).shape.rank() >= 2 &&
         is_constant(graph, node.inputs[1], DType::u8, form.n * form.k * form.bits / 8) &&
         is_constant(graph, node.inputs[2], DType::f32, form.n * form.blocks) &&
         (zero == kNoValue || is_constant(graph, zero, DType::u8, form.n * row_bytes)) &&
         (bias == kNoValue || is_constant(graph, bias, DType::f32, form.n));
}

LoweredOp lower(const LoweredOp& op, LoweredGraph& graph, const Form& form) {
  const ValueId bytes = op.node.inputs[1];
  const std::string name = graph.value(bytes).name;
  const std::string key = derived_key(graph, "nbits", {bytes});
  Tensor stored = *graph.constant(bytes);
  const DType dtype = form.bits == 4 ? DType::u4 : DType::u8;
  const ValueId weight = graph.add_constant(
      name, Tensor::borrow(dtype, {form.n, form.k}, stored.mutable_raw(), stored.owner()));
  graph.value(weight).shared_key = key;
  NarrowWeights narrow;
  narrow.kind = form.bits == 4 ? WeightKind::code4 : WeightKind::code8;
  narrow.block = form.size;
  narrow.scale = to_floats(*graph.constant(op.node.inputs[2]), op.node.label());
  narrow.zero_point = zero_points(form, graph.constant(op.node.input(3)));
  for (int code = 0; form.bits == 4 && code < 16; ++code) {
    narrow.table.push_back(static_cast<float>(code));
  }
  LoweredOp made = make_lowered("Linear", {op.node.inputs[0], weight, op.node.input(5)}, op);
  made.node.attributes["transposed"] = int64_t{1};
  made.parts = op.parts;
  made.cost = op.cost;
  made.narrow[1] = std::move(narrow);
  return made;
}

}  // namespace

void lower_matmul_nbits(LoweredGraph& graph) {
  for (LoweredOp& op : graph.ops) {
    if (op.node.domain != "com.microsoft" || op.node.op != "MatMulNBits") continue;
    if (op.node.inputs.size() < 3 || op.node.outputs.empty()) continue;
    const Form form(op.node);
    if (can_lower(op, graph, form)) op = lower(op, graph, form);
  }
}

}  // namespace whittle
