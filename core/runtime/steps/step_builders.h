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
bool build_reference(const LoweredOp& op, PlanBuilder& plan);

}  // namespace whittle
