#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/narrow_weights.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {
namespace {

/** A table [rows, cols] of 8-bit values behind DequantizeLinear: one scale, or one for each row or
 * column. */
bool is_narrow_table(const LoweredOp& op, const LoweredGraph& graph) {
  const Tensor* q = graph.constant(op.node.inputs[0]);
  const Tensor* scale = graph.constant(op.node.input(1));
  const ValueId zero = op.node.input(2);
  if (q == nullptr || scale == nullptr || q->shape().rank() != 2) return false;
  if (q->dtype() != DType::i8 && q->dtype() != DType::u8) return false;
  if (scale->dtype() != DType::f32 || op.node.int_attribute("block_size", 0) != 0) return false;
  if (zero != kNoValue && graph.constant(zero) == nullptr) return false;
  if (scale->elements() == 1) return true;
  const int axis = normalize_axis(op.node.int_attribute("axis", 1), 2, op.node.label());
  return scale->elements() == q->shape()[axis];
}

/** A table of rank 2 kept as codes of 4 or 8 bits: blocked or 4-bit integers, or a palette. */
bool gather_codes(LoweredOp& op, const Patterns& patterns, LoweredGraph& graph) {
  const ValueId table = op.node.inputs[0];
  if (!has_rank(graph, table, 2) || graph.constant(table) != nullptr) return false;
  // What varies may do so by row or by column.
  for (const ProductAxes axes : {ProductAxes{0, 1}, ProductAxes{1, 0}}) {
    auto stored = stored_weights(table, axes, patterns, graph);
    if (!stored || !stored->narrow || stored->narrow->kind == WeightKind::s8) continue;
    LoweredOp made = make_lowered("CodedGather", {stored->value, op.node.inputs[1]}, op);
    made.node.attributes["by_row"] = static_cast<int64_t>(axes.column == 0);
    made.narrow[0] = std::move(*stored->narrow);
    op = std::move(made);
    return true;
  }
  return false;
}

}  // namespace

void lower_narrow_gather(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (LoweredOp& op : graph.ops) {
    if (!op.node.is("Gather") || op.node.int_attribute("axis", 0) != 0) continue;
    const ValueId table = op.node.inputs[0];
    const ValueId indices = op.node.inputs[1];
    const DType index_type = graph.value(indices).dtype;
    if (!is_f32(graph, table) || graph.value(indices).is_constant() ||
        (index_type != DType::i64 && index_type != DType::i32) ||
        !graph.value(op.node.outputs[0]).is_static) {
      continue;
    }
    if (gather_codes(op, patterns, graph)) continue;
    const LoweredOp* dequantize = patterns.made_by(table, "DequantizeLinear");
    if (dequantize != nullptr && is_narrow_table(*dequantize, graph)) {
      LoweredOp made = make_lowered("NarrowGather",
                                    {dequantize->node.inputs[0], indices,
                                     dequantize->node.inputs[1], dequantize->node.input(2)},
                                    op);
      made.node.attributes["axis"] = dequantize->node.int_attribute("axis", 1);
      made.parts = "DequantizeLinear+Gather";
      op = std::move(made);
      continue;
    }
    const LoweredOp* cast = patterns.made_by(table, "Cast");
    const Tensor* half = cast ? graph.constant(cast->node.inputs[0]) : nullptr;
    if (half != nullptr && half->dtype() == DType::f16 && half->shape().rank() == 2) {
      LoweredOp made =
          make_lowered("NarrowGather", {cast->node.inputs[0], indices, kNoValue, kNoValue}, op);
      made.parts = "Cast+Gather";
      op = std::move(made);
    }
  }
  remove_dead_ops(graph);
}

}  // namespace whittle
