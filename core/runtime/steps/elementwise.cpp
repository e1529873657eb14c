#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/broadcast.h"
#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/support.h"

namespace whittle {
bool build_unary(const LoweredOp& op, PlanBuilder& plan) {
  const auto spec = unary_of(op, plan.graph());
  if (!spec) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const UnaryFn fn = plan.kernels().unary_for(spec->kind);
  const size_t count = elements(plan.value(y));
  plan.allow_in_place(y, x);
  plan.add_step("f32_unary", [=, params = spec->params](RunState& state) {
    const float* in = state.data<float>(x);
    float* out = state.data<float>(y);
    for_ranges(state, count, 16, kParallelGrain / sizeof(float), [&](IndexRange range, int) {
      fn(in + range.begin, out + range.begin, range.size(), params);
    });
  });
  return true;
}

bool build_binary(const LoweredOp& op, PlanBuilder& plan) {
  const auto kind = binary_of(op, plan.graph());
  if (!kind) return false;
  const ValueId a = op.node.inputs[0];
  const ValueId b = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const Shape out = plan.value(y).stored_shape();
  if (out.elements() == 0) return false;
  const BroadcastLoops loops(plan.value(a).stored_shape(), plan.value(b).stored_shape(), out);
  const BinaryFn fn = plan.kernels().binary_for(*kind);
  // The kernel may write over an operand that is not repeated.
  if (elements(plan.value(a)) == elements(plan.value(y))) plan.allow_in_place(y, a);
  if (elements(plan.value(b)) == elements(plan.value(y))) plan.allow_in_place(y, b);
  plan.add_step("f32_binary", [=](RunState& state) {
    loops.run(state, sizeof(float),
              [&](size_t from_a, size_t from_b, size_t to, const BinaryShape& part) {
                fn(state.data<float>(a) + from_a, state.data<float>(b) + from_b,
                   state.data<float>(y) + to, part);
              });
  });
  return true;
}

}  // namespace whittle
