#pragma once

#include "core/runtime/plan_builder.h"

namespace whittle {

/** Adds the steps of `op` to the plan, by the fastest way that fits it. Returns false, having added
 * nothing, where it does not fit. */
using StepBuilder = bool (*)(const LoweredOp& op, PlanBuilder& plan);

/** Offers `op` to every builder in order (step_builders.cpp); the last one, the reference
 * evaluation, takes every ONNX operator. */
void build_step(const LoweredOp& op, PlanBuilder& plan);

// One file of core/runtime/steps each.
bool build_observe(const LoweredOp& op, PlanBuilder& plan);
bool build_view(const LoweredOp& op, PlanBuilder& plan);
bool build_free_transpose(const LoweredOp& op, PlanBuilder& plan);
bool build_transpose(const LoweredOp& op, PlanBuilder& plan);
bool build_layout_change(const LoweredOp& op, PlanBuilder& plan);
bool build_conv(const LoweredOp& op, PlanBuilder& plan);
bool build_conv_transpose(const LoweredOp& op, PlanBuilder& plan);
bool build_linear(const LoweredOp& op, PlanBuilder& plan);
bool build_qconv(const LoweredOp& op, PlanBuilder& plan);
bool build_qconv_transpose(const LoweredOp& op, PlanBuilder& plan);
bool build_qlinear(const LoweredOp& op, PlanBuilder& plan);
bool build_quantize(const LoweredOp& op, PlanBuilder& plan);
bool build_dynamic_quantize(const LoweredOp& op, PlanBuilder& plan);
bool build_lookup(const LoweredOp& op, PlanBuilder& plan);
bool build_qbinary(const LoweredOp& op, PlanBuilder& plan);
bool build_qpool(const LoweredOp& op, PlanBuilder& plan);
bool build_recurrent(const LoweredOp& op, PlanBuilder& plan);
bool build_matmul(const LoweredOp& op, PlanBuilder& plan);
bool build_unary(const LoweredOp& op, PlanBuilder& plan);
bool build_binary(const LoweredOp& op, PlanBuilder& plan);
bool build_concat(const LoweredOp& op, PlanBuilder& plan);
bool build_split(const LoweredOp& op, PlanBuilder& plan);
bool build_slice(const LoweredOp& op, PlanBuilder& plan);
bool build_expand(const LoweredOp& op, PlanBuilder& plan);
bool build_gather(const LoweredOp& op, PlanBuilder& plan);
bool build_narrow_gather(const LoweredOp& op, PlanBuilder& plan);
bool build_coded_gather(const LoweredOp& op, PlanBuilder& plan);
bool build_pad(const LoweredOp& op, PlanBuilder& plan);
bool build_resize(const LoweredOp& op, PlanBuilder& plan);
bool build_pool(const LoweredOp& op, PlanBuilder& plan);
bool build_softmax(const LoweredOp& op, PlanBuilder& plan);
bool build_layer_norm(const LoweredOp& op, PlanBuilder& plan);
bool build_instance_norm(const LoweredOp& op, PlanBuilder& plan);
bool build_reduce(const LoweredOp& op, PlanBuilder& plan);
bool build_argmax(const LoweredOp& op, PlanBuilder& plan);
bool build_channel_shuffle(const LoweredOp& op, PlanBuilder& plan);
bool build_reference(const LoweredOp& op, PlanBuilder& plan);

}  // namespace whittle
