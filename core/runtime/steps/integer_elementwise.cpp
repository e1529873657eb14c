#include "core/ops/support/dynamic_range.h"
#include "core/ops/support/pool_geometry.h"
#include "core/runtime/lower/quantization.h"
#include "core/runtime/steps/broadcast.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/geometry.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {

bool build_quantize(const LoweredOp& op, PlanBuilder& plan) {
  if (!fits_quantize(op, plan.graph())) return false;
  const bool quantize = op.node.is("QuantizeLinear");
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const DType narrow = plan.value(quantize ? y : x).dtype;
  const auto quantization =
      quantization_of(plan.graph(), op.node.inputs[1], op.node.input(2), narrow);
  const QuantParams params = quantization->params();
  const size_t count = elements(plan.value(y));
  const QuantizeFn to_narrow = plan.kernels().quantize;
  const DequantizeFn to_wide = plan.kernels().dequantize;
  plan.add_step(quantize ? "q8_quantize" : "q8_dequantize", [=](RunState& state) {
    for_ranges(state, count, 16, kParallelGrain / sizeof(float), [&](IndexRange range, int) {
      if (quantize) {
        to_narrow(state.data<float>(x) + range.begin, state.data(y) + range.begin, range.size(),
                  params);
      } else {
        to_wide(state.data(x) + range.begin, state.data<float>(y) + range.begin, range.size(),
                params);
      }
    });
  });
  return true;
}

bool build_dynamic_quantize(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("DynamicQuantizeLinear")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const ValueId scale = op.node.output(1);
  const ValueId zero_point = op.node.output(2);
  if (!is_f32(plan.graph(), x)) return false;
  const size_t count = elements(plan.value(x));
  plan.add_step("q8_dynamic_quantize", [=, min_max = plan.kernels().min_max,
                                        quantize = plan.kernels().quantize](RunState& state) {
    const float* in = state.data<float>(x);
    // The range of two values has the range of them all.
    float range[2] = {0, 0};
    min_max(in, count, &range[0], &range[1]);
    const DynamicRange found = dynamic_range(range);
    if (scale != kNoValue) *state.data<float>(scale) = found.scale;
    if (zero_point != kNoValue) {
      *state.data<uint8_t>(zero_point) = static_cast<uint8_t>(found.zero_point);
    }
    const QuantParams params{found.scale, found.zero_point, false};
    for_ranges(state, count, 16, kParallelGrain / sizeof(float), [&](IndexRange part, int) {
      quantize(in + part.begin, state.data(y) + part.begin, part.size(), params);
    });
  });
  return true;
}

bool build_lookup(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "Lookup")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId table = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const size_t count = elements(plan.value(y));
  plan.allow_in_place(y, x);
  plan.add_step("q8_lookup", [=, fn = plan.kernels().lookup](RunState& state) {
    for_ranges(state, count, 16, kParallelGrain, [&](IndexRange range, int) {
      fn(state.data<uint8_t>(x) + range.begin, state.data<uint8_t>(y) + range.begin, range.size(),
         state.data<uint8_t>(table));
    });
  });
  return true;
}

bool build_qbinary(const LoweredOp& op, PlanBuilder& plan) {
  const bool add = op.node.is(kLowered, "QAdd");
  if (!add && !op.node.is(kLowered, "QMul")) return false;
  const IntegerForm& form = *op.integer;
  QBinaryParams params;
  params.a = form.inputs[0].params();
  params.b = form.inputs[1].params();
  params.out = form.output.params();
  params.qmin = form.qmin;
  params.qmax = form.qmax;
  const ValueId a = op.node.inputs[0];
  const ValueId b = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const QBinaryFn fn =
      plan.kernels().qbinary[static_cast<size_t>(add ? QBinaryKind::add : QBinaryKind::mul)];
  const BroadcastLoops loops(plan.value(a).stored_shape(), plan.value(b).stored_shape(),
                             plan.value(y).stored_shape());
  if (elements(plan.value(a)) == elements(plan.value(y))) plan.allow_in_place(y, a);
  if (elements(plan.value(b)) == elements(plan.value(y))) plan.allow_in_place(y, b);
  plan.add_step(add ? "q8_add" : "q8_mul", [=](RunState& state) {
    loops.run(state, 1, [&](size_t from_a, size_t from_b, size_t to, const BinaryShape& part) {
      fn(state.data(a) + from_a, state.data(b) + from_b, state.data(y) + to, part, params);
    });
  });
  return true;
}

bool build_qpool(const LoweredOp& op, PlanBuilder& plan) {
  const bool global = op.node.is(kLowered, "QGlobalAveragePool");
  if (!global && !op.node.is(kLowered, "QAveragePool")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const QuantParams in = op.integer->inputs[0].params();
  const QuantParams out = op.integer->output.params();
  const ImageShape image = image_shape(plan.value(x).shape);
  if (global) {
    plan.add_step("q8_global_avgpool", [=, fn = plan.kernels().qglobal_avg_pool](RunState& state) {
      const size_t grain = std::max<size_t>(16, kParallelGrain / image.pixels());
      for (size_t n = 0; n < image.batch; ++n) {
        for_ranges(state, image.channels, 16, grain, [&](IndexRange channels, int) {
          fn(state.data(x) + n * image.pixels() * image.channels, image.channels, image.pixels(),
             in, out, state.data(y) + n * image.channels, channels);
        });
      }
    });
    return true;
  }
  const PoolGeometry geometry = pool_geometry(op.node, plan.value(x).shape);
  const ConvShape shape =
      conv_shape(geometry.axes, image.channels, image.channels, image.width * image.channels);
  const AvgPoolParams params = avg_pool_params(op.node, geometry.axes);
  plan.add_step("q8_avgpool", [=, fn = plan.kernels().qavg_pool](RunState& state) {
    for (size_t n = 0; n < image.batch; ++n) {
      for_ranges(state, shape.out_h, 1, 1, [&](IndexRange rows, int) {
        fn(shape, params, in, out, state.data(x) + n * image.pixels() * image.channels,
           state.data(y) + n * shape.out_h * shape.out_w * image.channels, image.channels, rows);
      });
    }
  });
  return true;
}

}  // namespace whittle
