#include "core/runtime/layout.h"
#include "core/runtime/layout_rules.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {

bool build_view(const LoweredOp& op, PlanBuilder& plan) {
  const Node& node = op.node;
  const bool view = node.is(kLowered, "View") || node.is("Reshape") || node.is("Flatten") ||
                    node.is("Squeeze") || node.is("Unsqueeze") || node.is("Identity");
  if (!view) return false;
  plan.alias(node.outputs[0], node.inputs[0]);
  return true;
}

bool build_free_transpose(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Transpose")) return false;
  const LoweredValue& from = plan.value(op.node.inputs[0]);
  const LoweredValue& to = plan.value(op.node.outputs[0]);
  const auto perm = transpose_permutation(op.node, from.shape.rank());
  if (!keeps_order(from.stored_shape(), stored_permutation(from, to, perm))) return false;
  plan.alias(op.node.outputs[0], op.node.inputs[0]);
  return true;
}

}  // namespace whittle
