#include "core/runtime/steps/fits.h"

#include <algorithm>

#include "core/runtime/lower/quantization.h"

namespace whittle {

bool all_static(const LoweredOp& op, const LoweredGraph& graph) {
  bool all = true;
  for_each_read(op, [&](ValueId id) { all = all && graph.value(id).is_static; });
  for (ValueId id : op.node.outputs) all = all && (id == kNoValue || graph.value(id).is_static);
  return all;
}

bool fits_copy(const LoweredOp& op, const LoweredGraph& graph) {
  return dtype_bits(graph.value(op.node.outputs[0]).dtype) % 8 == 0;
}

bool fits_slice(const LoweredOp& op, const LoweredGraph& graph) {
  for (size_t i = 1; i < op.node.inputs.size(); ++i) {
    if (op.node.inputs[i] != kNoValue && !integer_constant(graph, op.node.inputs[i])) return false;
  }
  return fits_copy(op, graph);
}

bool fits_pad(const LoweredOp& op, const LoweredGraph& graph) {
  const auto pads = integer_constant(graph, op.node.input(1));
  if (!pads || std::any_of(pads->begin(), pads->end(), [](int64_t pad) { return pad < 0; })) {
    return false;
  }
  const ValueId value = op.node.input(2);
  if (value != kNoValue && graph.constant(value) == nullptr) return false;
  const ValueId axes = op.node.input(3);
  if (axes != kNoValue && graph.constant(axes) == nullptr) return false;
  return fits_copy(op, graph);
}

bool fits_pool(const LoweredOp& op, const LoweredGraph& graph) {
  static constexpr std::string_view kPools[] = {"MaxPool", "AveragePool", "GlobalAveragePool",
                                                "GlobalMaxPool"};
  if (!op.node.domain.empty() ||
      std::find(std::begin(kPools), std::end(kPools), op.node.op) == std::end(kPools)) {
    return false;
  }
  const ValueId x = op.node.inputs[0];
  const DType dtype = graph.value(x).dtype;
  const bool narrow = dtype == DType::u8 || dtype == DType::i8;
  if (!is_f32(graph, x) && !(narrow && op.node.op == "MaxPool")) return false;
  if (!(has_rank(graph, x, 3) || has_rank(graph, x, 4))) return false;
  if (graph.value(x).shape.elements() == 0) return false;
  if (op.node.output(1) != kNoValue) return false;
  const auto dilations = op.node.ints_attribute("dilations");
  const bool dilated =
      std::any_of(dilations.begin(), dilations.end(), [](int64_t d) { return d != 1; });
  return !(op.node.op == "AveragePool" && dilated);
}

bool fits_quantize(const LoweredOp& op, const LoweredGraph& graph) {
  const bool quantize = op.node.is("QuantizeLinear");
  if (!quantize && !op.node.is("DequantizeLinear")) return false;
  const ValueId wide = quantize ? op.node.inputs[0] : op.node.outputs[0];
  const ValueId narrow = quantize ? op.node.outputs[0] : op.node.inputs[0];
  return is_f32(graph, wide) &&
         quantization_of(graph, op.node.inputs[1], op.node.input(2), graph.value(narrow).dtype)
             .has_value();
}

bool fits_channel_softmax(const LoweredOp& op, const LoweredGraph& graph) {
  const ValueId x = op.node.inputs[0];
  if (!is_f32(graph, x) || graph.value(x).shape.rank() < 3) return false;
  return normalize_axis(op.node.int_attribute("axis", -1), graph.value(x).shape.rank(),
                        op.node.label()) == 1;
}

bool fits_channel_argmax(const LoweredOp& op, const LoweredGraph& graph) {
  const ValueId x = op.node.inputs[0];
  if (!is_f32(graph, x) || graph.value(x).shape.rank() < 3) return false;
  if (op.node.int_attribute("select_last_index", 0) != 0 || graph.value(x).shape[1] == 0)
    return false;
  return normalize_axis(op.node.int_attribute("axis", 0), graph.value(x).shape.rank(),
                        op.node.label()) == 1;
}

bool fits_spatial_reduce(const LoweredOp& op, const LoweredGraph& graph) {
  const ValueId x = op.node.inputs[0];
  if (!is_f32(graph, x) || graph.value(x).shape.elements() == 0) return false;
  const int rank = graph.value(x).shape.rank();
  const auto stated = integer_constant(graph, op.node.input(1));
  if (rank < 3 || !stated || stated->empty()) return false;
  std::vector<int> axes;
  for (int64_t axis : *stated) axes.push_back(normalize_axis(axis, rank, op.node.label()));
  std::sort(axes.begin(), axes.end());
  const bool keep = op.node.int_attribute("keepdims", 1) != 0;
  if (axes == std::vector<int>{1}) return keep;
  // All spatial axes, which lie together between batch and channels.
  if (static_cast<int>(axes.size()) != rank - 2 || axes.front() != 2) return false;
  return std::adjacent_find(axes.begin(), axes.end()) == axes.end();
}

}  // namespace whittle
