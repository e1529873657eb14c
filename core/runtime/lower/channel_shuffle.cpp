#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {

void lower_channel_shuffle(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (LoweredOp& op : graph.ops) {
    if (!op.node.is("Reshape") || !has_rank(graph, op.node.outputs[0], 4)) continue;
    const LoweredOp* transpose = patterns.made_by(op.node.inputs[0], "Transpose");
    if (transpose == nullptr) continue;
    if (transpose->node.ints_attribute("perm") != std::vector<int64_t>{0, 2, 1, 3, 4}) continue;
    const ValueId grouped = transpose->node.inputs[0];
    const LoweredOp* split = patterns.made_by(grouped, "Reshape");
    if (split == nullptr || !has_rank(graph, split->node.inputs[0], 4)) continue;
    const Shape& x = graph.value(split->node.inputs[0]).shape;
    const Shape& middle = graph.value(grouped).shape;
    const bool splits_channels = middle[0] == x[0] && middle[1] * middle[2] == x[1] &&
                                 middle[3] == x[2] && middle[4] == x[3];
    if (!splits_channels || !(graph.value(op.node.outputs[0]).shape == x)) continue;
    LoweredOp made = make_lowered("ChannelShuffle", {split->node.inputs[0]}, op);
    made.node.attributes["groups"] = middle[1];
    op = std::move(made);
  }
  remove_dead_ops(graph);
}

}  // namespace whittle
