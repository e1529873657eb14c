#include "core/ops/support/pool_geometry.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/geometry.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

bool build_global(const LoweredOp& op, PlanBuilder& plan) {
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const ImageShape image = image_shape(plan.value(x).shape);
  const auto average = plan.kernels().global_avg_pool;
  const auto maximum = plan.kernels().reduce_outer[static_cast<size_t>(ReduceKind::max)];
  const bool is_average = op.node.op == "GlobalAveragePool";
  plan.add_step(is_average ? "f32_global_avgpool" : "f32_global_maxpool", [=](RunState& state) {
    const size_t grain = std::max<size_t>(16, kParallelGrain / sizeof(float) / image.pixels());
    for (size_t n = 0; n < image.batch; ++n) {
      const float* in = state.data<float>(x) + n * image.pixels() * image.channels;
      float* out = state.data<float>(y) + n * image.channels;
      for_ranges(state, image.channels, 16, grain, [&](IndexRange channels, int) {
        if (is_average) {
          average(in, image.channels, image.pixels(), out, channels);
        } else {
          maximum(in, image.channels, image.pixels(), out, channels);
        }
      });
    }
  });
  return true;
}

}  // namespace

bool build_pool(const LoweredOp& op, PlanBuilder& plan) {
  if (!fits_pool(op, plan.graph())) return false;
  if (op.node.op == "GlobalAveragePool" || op.node.op == "GlobalMaxPool")
    return build_global(op, plan);
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const PoolGeometry geometry = pool_geometry(op.node, plan.value(x).shape);
  const ImageShape in = image_shape(plan.value(x).shape);
  const ConvShape shape =
      conv_shape(geometry.axes, in.channels, in.channels, in.width * in.channels);
  const bool is_max = op.node.op == "MaxPool";
  const AvgPoolParams params = avg_pool_params(op.node, geometry.axes);
  const auto maximum = plan.kernels().max_pool;
  const auto average = plan.kernels().avg_pool;
  if (plan.value(x).dtype != DType::f32) {
    const bool is_signed = plan.value(x).dtype == DType::i8;
    plan.add_step("q8_maxpool", [=, fn = plan.kernels().qmax_pool](RunState& state) {
      for (size_t n = 0; n < in.batch; ++n) {
        for_ranges(state, shape.out_h, 1, 1, [&](IndexRange rows, int) {
          fn(shape, is_signed, state.data(x) + n * in.pixels() * in.channels,
             state.data(y) + n * shape.out_h * shape.out_w * in.channels, in.channels, rows);
        });
      }
    });
    return true;
  }
  plan.add_step(is_max ? "f32_maxpool" : "f32_avgpool", [=](RunState& state) {
    const size_t out_row = shape.out_w * in.channels;
    const size_t grain = std::max<size_t>(
        1, kParallelGrain / sizeof(float) / std::max<size_t>(1, out_row * shape.taps()));
    for (size_t n = 0; n < in.batch; ++n) {
      const float* image = state.data<float>(x) + n * in.pixels() * in.channels;
      float* out = state.data<float>(y) + n * shape.out_h * out_row;
      for_ranges(state, shape.out_h, 1, grain, [&](IndexRange rows, int) {
        if (is_max) {
          maximum(shape, image, out, in.channels, rows);
        } else {
          average(shape, params, image, out, in.channels, rows);
        }
      });
    }
  });
  return true;
}

}  // namespace whittle
