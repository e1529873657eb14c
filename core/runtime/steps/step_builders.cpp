#include "core/runtime/steps/step_builders.h"

#include "core/runtime/steps/fits.h"

namespace whittle {
namespace {

/** The fast ways, tried in this order. */
constexpr StepBuilder kBuilders[] = {
    build_observe,
    build_view,
    build_free_transpose,
    build_transpose,
    build_layout_change,
    build_conv,
    build_conv_transpose,
    build_linear,
    build_qconv,
    build_qconv_transpose,
    build_qlinear,
    build_quantize,
    build_dynamic_quantize,
    build_lookup,
    build_qbinary,
    build_qpool,
    build_recurrent,
    build_matmul,
    build_unary,
    build_binary,
    build_concat,
    build_split,
    build_slice,
    build_expand,
    build_gather,
    build_narrow_gather,
    build_coded_gather,
    build_pad,
    build_resize,
    build_pool,
    build_softmax,
    build_layer_norm,
    build_instance_norm,
    build_reduce,
    build_argmax,
    build_channel_shuffle,
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
