#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

/** The fast ways, tried in this order. */
constexpr StepBuilder kBuilders[] = {
    build_observe,
};

bool is_static(const LoweredOp& op, const LoweredGraph& graph) {
  bool all = true;
  for_each_read(op, [&](ValueId id) { all = all && graph.value(id).is_static; });
  for (ValueId id : op.node.outputs) all = all && (id == kNoValue || graph.value(id).is_static);
  return all;
}

}  // namespace

void build_step(const LoweredOp& op, PlanBuilder& plan) {
  const bool fast = plan.options().fuse && is_static(op, plan.graph());
  for (StepBuilder builder : kBuilders) {
    if ((fast || builder == build_observe) && builder(op, plan)) return;
  }
  if (!build_reference(op, plan)) {
    fail(Code::INTERNAL, op.node.label(), "Expected a way to run ", op.node.label(),
         " but a lowering made an operation no step knows");
  }
}

}  // namespace whittle
