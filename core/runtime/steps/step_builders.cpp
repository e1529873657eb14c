#include "core/runtime/steps/step_builders.h"

#include "core/runtime/steps/fits.h"

namespace whittle {
namespace {

// A module for some operators brings its own, shorter list.
#ifndef WHITTLE_STEP_LIST
#define WHITTLE_STEP_LIST "core/runtime/steps/step_list.inc"
#endif
#define WHITTLE_STEP(builder, operators) builder,

constexpr StepBuilder kBuilders[] = {
#include WHITTLE_STEP_LIST
};

}  // namespace

void build_step(const LoweredOp& op, PlanBuilder& plan) {
  const bool fast = plan.options().fuse && all_static(op, plan.graph());
  for (StepBuilder builder : kBuilders) {
    if ((fast || builder == build_observe) && builder(op, plan)) return;
  }
  if (!build_reference(op, plan)) {
    fail(Code::INTERNAL, op.node.label(), "Expected a way to run ", op.node.label(),
         " but a lowering made an operation no step knows");
  }
}

}  // namespace whittle
