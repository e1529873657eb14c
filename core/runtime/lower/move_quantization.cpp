#include <algorithm>

#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/quantization.h"

namespace whittle {
namespace {

/** An operator that only moves the elements of its data inputs; a padding constant would need
 * quantizing as well, and a selection by a condition has inputs of two kinds. */
bool moves_data(const LoweredOp& op) {
  return op.definition != nullptr && op.definition->has(Trait::moves_data) &&
         op.node.domain.empty();
}

/** How many leading inputs are data. */
size_t data_inputs(const LoweredOp& op) {
  return op.node.is("Concat") ? op.node.inputs.size() : 1;
}

ValueId add_quantized_like(LoweredGraph& graph, ValueId id, DType dtype) {
  LoweredValue value = graph.value(id);
  value.name += "/quantized";
  value.dtype = dtype;
  value.constant = Tensor{};
  value.shared_key.clear();
  return graph.add_value(std::move(value));
}

/** The parameters of the QuantizeLinear that are the only readers of all outputs of `op`. */
const LoweredOp* quantized_by(const LoweredOp& op, const LoweredGraph& graph,
                              const LoweredIndex& index) {
  const LoweredOp* found = nullptr;
  std::optional<Quantization> wanted;
  for (ValueId id : op.node.outputs) {
    if (id == kNoValue) continue;
    if (index.pinned(id) || index.consumers(id).empty()) return nullptr;
    for (int reader : index.consumers(id)) {
      const LoweredOp& next = graph.ops[static_cast<size_t>(reader)];
      const auto quantization = quantizes(graph, next);
      if (!quantization || (wanted && !(*wanted == *quantization))) return nullptr;
      wanted = quantization;
      found = &next;
    }
  }
  return found;
}

/** Moves the QuantizeLinear behind operation `at` in front of it. */
void hoist(LoweredGraph& graph, size_t at, const LoweredOp& quantize, const LoweredIndex& index) {
  LoweredOp moved = graph.ops[at];
  LoweredOp pattern = quantize;
  const DType dtype = graph.value(quantize.node.outputs[0]).dtype;
  // The readers become Identity of the moved operation's result, which is quantized now.
  for (ValueId& id : moved.node.outputs) {
    if (id == kNoValue) continue;
    const ValueId narrow = add_quantized_like(graph, id, dtype);
    for (int reader : index.consumers(id)) {
      LoweredOp& old = graph.ops[static_cast<size_t>(reader)];
      LoweredOp view = make_lowered("View", {narrow}, old);
      old = std::move(view);
    }
    id = narrow;
  }
  std::vector<LoweredOp> before;
  for (size_t i = 0; i < data_inputs(moved); ++i) {
    LoweredOp made = pattern;
    made.node.name = moved.node.name + "/quantize";
    made.node.inputs[0] = moved.node.inputs[i];
    made.node.outputs = {add_quantized_like(graph, moved.node.inputs[i], dtype)};
    moved.node.inputs[i] = made.node.outputs[0];
    before.push_back(std::move(made));
  }
  graph.ops[at] = std::move(moved);
  graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(at),
                   std::make_move_iterator(before.begin()), std::make_move_iterator(before.end()));
}

bool hoist_one(LoweredGraph& graph) {
  const LoweredIndex index(graph);
  for (size_t i = graph.ops.size(); i-- > 0;) {
    const LoweredOp& op = graph.ops[i];
    if (!moves_data(op) || op.node.outputs[0] == kNoValue || !is_f32(graph, op.node.inputs[0])) {
      continue;
    }
    if (op.node.is("MaxPool") && op.node.output(1) != kNoValue) continue;
    const LoweredOp* quantize = quantized_by(op, graph, index);
    if (quantize == nullptr) continue;
    hoist(graph, i, LoweredOp(*quantize), index);
    return true;
  }
  return false;
}

/** Moves the DequantizeLinear in front of a moving operation behind it, when all its data inputs
 * have the same parameters. */
bool sink_one(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    LoweredOp& op = graph.ops[i];
    if (!moves_data(op) || op.node.outputs.size() != 1 || op.node.outputs[0] == kNoValue) continue;
    if (patterns.index().pinned(op.node.outputs[0])) continue;
    std::optional<Quantization> common;
    std::vector<ValueId> narrow;
    for (size_t k = 0; k < data_inputs(op); ++k) {
      const auto input = quantized_input(graph, patterns, op.node.inputs[k]);
      if (!input || graph.value(input->value).is_constant() ||
          (common && !(*common == input->quantization))) {
        narrow.clear();
        break;
      }
      common = input->quantization;
      narrow.push_back(input->value);
    }
    if (narrow.empty()) continue;
    LoweredOp dequantize = *patterns.maker(op.node.inputs[0]);
    dequantize.node.name = op.node.name + "/dequantize";
    dequantize.node.outputs = op.node.outputs;
    const ValueId result = add_quantized_like(graph, op.node.outputs[0], common->dtype);
    dequantize.node.inputs[0] = result;
    LoweredOp& moved = graph.ops[i];
    for (size_t k = 0; k < narrow.size(); ++k) moved.node.inputs[k] = narrow[k];
    moved.node.outputs = {result};
    graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(dequantize));
    return true;
  }
  return false;
}

/** QuantizeLinear right behind DequantizeLinear is a table of 256 entries, or nothing at all. */
void join_pairs(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (LoweredOp& op : graph.ops) {
    const auto target = quantizes(graph, op);
    if (!target) continue;
    const auto source = quantized_input(graph, patterns, op.node.inputs[0]);
    if (!source) continue;
    if (source->quantization == *target) {
      op = make_lowered("View", {source->value}, op);
      continue;
    }
    Tensor table = Tensor::allocate(DType::u8, Shape{256});
    for (int byte = 0; byte < 256; ++byte) {
      const int32_t q = source->quantization.dtype == DType::i8 ? static_cast<int8_t>(byte) : byte;
      const int32_t result = quantize_value(dequantize_value(q, source->quantization), *target);
      table.mutable_data<uint8_t>()[static_cast<size_t>(byte)] = static_cast<uint8_t>(result);
    }
    LoweredOp made = make_lookup(graph, source->value, table, op);
    made.parts = "Requantize";
    op = std::move(made);
  }
}

}  // namespace

void move_quantization(LoweredGraph& graph) {
  // Each step moves one QuantizeLinear up or one DequantizeLinear down, so this ends.
  const bool quantized = std::any_of(graph.ops.begin(), graph.ops.end(), [](const LoweredOp& op) {
    return op.node.is("QuantizeLinear") || op.node.is("DequantizeLinear");
  });
  if (!quantized) return;
  while (hoist_one(graph)) {
  }
  while (sink_one(graph)) {
  }
  join_pairs(graph);
  remove_dead_ops(graph);
}

}  // namespace whittle
