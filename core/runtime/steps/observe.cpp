#include "core/runtime/steps/step_builders.h"

namespace whittle {

bool build_observe(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "Observe") && !op.node.is(kLowered, "ObserveStored")) return false;
  plan.add_step("observe", [id = op.node.inputs[0], name = op.node.name](RunState& state) {
    if (state.observer != nullptr && *state.observer) (*state.observer)(name, state.tensor(id));
  });
  return true;
}

}  // namespace whittle
