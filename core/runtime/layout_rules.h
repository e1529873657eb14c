#pragma once

#include <vector>

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

/** What an operation asks of the layouts of its values. */
enum class LayoutRule : uint8_t {
  plain,          // everything in ONNX's order
  channels_last,  // works on pixels
  follow,         // works in either; takes what comes
  view,           // the same elements under another shape
  transpose,
};

/** The rule of an operation. Other than plain only for what has a fast step (steps/): the reference
 * evaluation knows ONNX's order alone. */
LayoutRule layout_rule(const LoweredOp& op, const LoweredGraph& graph);
/** Whether input i is a tensor that takes part in layouts, rather than weights or parameters. */
bool is_data_input(const LoweredOp& op, size_t i);
/** The rank broadcast operands are brought to. */
int data_rank(const LoweredOp& op, const LoweredGraph& graph);
/** The perm of a Transpose; the default reverses the axes. */
std::vector<int64_t> transpose_permutation(const Node& node, int rank);

}  // namespace whittle
