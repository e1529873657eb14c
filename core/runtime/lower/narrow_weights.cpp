#include "core/runtime/lower/narrow_weights.h"

#include <algorithm>

#include "core/base/thread_pool.h"
#include "core/ops/interpret.h"

namespace whittle {
namespace {

/**
 * One value for each of the columns along `axis` of a weight of shape `shape`, from a constant that
 * broadcasts over it; nullopt when it varies along another axis.
 */
std::optional<Tensor> along_columns(const Tensor& tensor, const Shape& shape, int axis) {
  const int lead = shape.rank() - tensor.shape().rank();
  if (lead < 0) return std::nullopt;
  for (int d = 0; d < tensor.shape().rank(); ++d) {
    const int64_t extent = tensor.shape()[d];
    if (extent != 1 && (d + lead != axis || extent != shape[axis])) return std::nullopt;
  }
  return tensor.reshaped(Shape{tensor.elements()});
}

template <typename T, typename From>
std::vector<T> repeated(const std::vector<From>& values, int64_t count) {
  std::vector<T> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<T>(values[values.size() == 1 ? 0 : i]);
  }
  return out;
}

/** Weights behind a DequantizeLinear. */
std::optional<StoredWeights> dequantized(const LoweredOp& op, const LoweredGraph& graph,
                                         ProductAxes axes) {
  const Tensor* q = graph.constant(op.node.inputs[0]);
  const Tensor* scale = graph.constant(op.node.input(1));
  if (q == nullptr || scale == nullptr || scale->dtype() != DType::f32) return std::nullopt;
  const DType dtype = q->dtype();
  const bool nibbles = dtype == DType::i4 || dtype == DType::u4;
  if (!nibbles && dtype != DType::i8 && dtype != DType::u8) return std::nullopt;
  const ValueId zero = op.node.input(2);
  if (zero != kNoValue && graph.constant(zero) == nullptr) return std::nullopt;
  const int64_t block = op.node.int_attribute("block_size", 0);
  const int stated =
      normalize_axis(op.node.int_attribute("axis", 1), q->shape().rank(), op.node.label());
  const int64_t columns = q->shape()[axes.column];
  const bool one = scale->elements() == 1 && block == 0;
  if (!one && stated != (block == 0 ? axes.column : axes.input)) return std::nullopt;
  if (!one && block == 0 && scale->elements() != columns) return std::nullopt;

  const int64_t count = block == 0 ? columns : scale->elements();
  NarrowWeights narrow;
  narrow.block = block;
  narrow.scale = repeated<float>(to_floats(*scale, op.node.label()), count);
  narrow.zero_point.assign(narrow.scale.size(), 0);
  if (zero != kNoValue) {
    narrow.zero_point = repeated<int32_t>(to_int64s(*graph.constant(zero), op.node.label()), count);
  }
  if (nibbles) {
    narrow.kind = WeightKind::code4;
    for (int code = 0; code < 16; ++code) {
      narrow.table.push_back(
          static_cast<float>(dtype == DType::i4 && code >= 8 ? code - 16 : code));
    }
  } else if (block != 0) {
    narrow.kind = WeightKind::code8;
  }
  return StoredWeights{op.node.inputs[0], std::move(narrow)};
}

/** The constant behind value `id`, made by operators that take packed codes apart. */
ValueId unpacked_codes(ValueId id, const Patterns& patterns, LoweredGraph& graph) {
  if (id == kNoValue || graph.constant(id) != nullptr) return id;
  static constexpr std::string_view kUnpacking[] = {"BitwiseAnd", "BitShift", "Concat", "Reshape"};
  const LoweredOp* op = patterns.maker(id);
  if (op == nullptr || !op->node.domain.empty() || graph.value(id).dtype != DType::u8 ||
      std::find(std::begin(kUnpacking), std::end(kUnpacking), op->node.op) ==
          std::end(kUnpacking)) {
    return kNoValue;
  }
  std::vector<Tensor> inputs;
  std::string key = "codes:" + graph.value(id).name;
  for (ValueId input : op->node.inputs) {
    const ValueId source = unpacked_codes(input, patterns, graph);
    if (source == kNoValue) return kNoValue;
    if (graph.value(source).shared_key.empty()) key.clear();
    inputs.push_back(*graph.constant(source));
  }
  SerialPool pool;
  const ValueId made =
      graph.add_constant(graph.value(id).name, evaluate_node(op->node, all_ops(), inputs, pool)[0]);
  graph.value(made).shared_key = std::move(key);
  return made;
}

/** The operand of a two-operand operation that is a constant, and the other one. */
struct Operands {
  const Tensor* constant = nullptr;
  ValueId other = kNoValue;
};
Operands operands_of(const LoweredOp& op, const LoweredGraph& graph) {
  for (size_t i : {0, 1}) {
    if (const Tensor* tensor = graph.constant(op.node.inputs[i])) {
      return {tensor, op.node.inputs[1 - i]};
    }
  }
  return {};
}

/** Whether every code stays inside the codebooks: what does not is for the operators to refuse. */
bool has_valid_codes(const std::vector<uint8_t>& bytes, const Shape& shape,
                     const NarrowWeights& narrow, int column_axis) {
  const auto inner = static_cast<size_t>(shape.elements(column_axis + 1, shape.rank()));
  const auto columns = static_cast<size_t>(shape[column_axis]);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t first =
        narrow.first.empty() ? 0 : static_cast<size_t>(narrow.first[i / inner % columns]);
    if (first + bytes[i] >= narrow.table.size()) return false;
  }
  return true;
}

std::optional<StoredWeights> palette(ValueId id, int column_axis, const Patterns& patterns,
                                     LoweredGraph& graph) {
  NarrowWeights narrow;
  std::optional<Tensor> scales;
  if (!graph.value(id).is_static) return std::nullopt;
  const Shape shape = graph.value(id).shape;
  if (const LoweredOp* mul = patterns.made_by(id, "Mul")) {
    const Operands operands = operands_of(*mul, graph);
    if (operands.constant == nullptr || operands.constant->dtype() != DType::f32) {
      return std::nullopt;
    }
    scales = along_columns(*operands.constant, shape, column_axis);
    if (!scales) return std::nullopt;
    id = operands.other;
  }
  const LoweredOp* gather = patterns.made_by(id, "Gather");
  if (gather == nullptr || graph.constant(gather->node.inputs[0]) == nullptr) return std::nullopt;
  // A copy: constants move when unpacked codes join them.
  const Tensor book = *graph.constant(gather->node.inputs[0]);
  if (book.dtype() != DType::f32 || book.shape().rank() != 1) return std::nullopt;
  std::optional<Tensor> offsets;
  ValueId index = gather->node.inputs[1];
  if (const LoweredOp* add = patterns.made_by(index, "Add")) {
    const Operands operands = operands_of(*add, graph);
    if (operands.constant == nullptr) return std::nullopt;
    offsets = along_columns(*operands.constant, shape, column_axis);
    if (!offsets) return std::nullopt;
    index = operands.other;
  }
  const LoweredOp* cast = patterns.made_by(index, "Cast");
  if (cast == nullptr) return std::nullopt;
  const ValueId codes = unpacked_codes(cast->node.inputs[0], patterns, graph);
  const Tensor* stored = graph.constant(codes);
  if (stored == nullptr || !(stored->shape() == shape) ||
      (stored->dtype() != DType::u4 && stored->dtype() != DType::u8)) {
    return std::nullopt;
  }
  const std::vector<uint8_t> bytes = code_bytes(*stored);
  const bool is_short = std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b < 16; });
  const int64_t columns = shape[column_axis];
  narrow.kind = is_short ? WeightKind::code4 : WeightKind::code8;
  narrow.table = to_floats(book, gather->node.label());
  if (offsets) {
    narrow.first = repeated<int32_t>(to_int64s(*offsets, gather->node.label()), columns);
    for (int32_t first : narrow.first) {
      if (first < 0) return std::nullopt;  // counts from the end
    }
  }
  narrow.scale.assign(static_cast<size_t>(columns), 1.0f);
  if (scales) narrow.scale = repeated<float>(to_floats(*scales, gather->node.label()), columns);
  narrow.zero_point.assign(narrow.scale.size(), 0);
  if (!has_valid_codes(bytes, shape, narrow, column_axis)) return std::nullopt;
  return StoredWeights{codes, std::move(narrow)};
}

}  // namespace

std::optional<StoredWeights> stored_weights(ValueId id, ProductAxes axes, const Patterns& patterns,
                                            LoweredGraph& graph) {
  if (const Tensor* tensor = graph.constant(id)) {
    if (tensor->dtype() != DType::f32) return std::nullopt;
    return StoredWeights{id, {}};
  }
  if (!is_f32(graph, id)) return std::nullopt;
  if (const LoweredOp* cast = patterns.made_by(id, "Cast")) {
    const Tensor* tensor = graph.constant(cast->node.inputs[0]);
    if (tensor == nullptr || tensor->dtype() != DType::f16) return std::nullopt;
    return StoredWeights{cast->node.inputs[0], {}};
  }
  if (const LoweredOp* dequantize = patterns.made_by(id, "DequantizeLinear")) {
    return dequantized(*dequantize, graph, axes);
  }
  return palette(id, axes.column, patterns, graph);
}

}  // namespace whittle
