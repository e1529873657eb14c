#include "core/ops/support/resize_geometry.h"
#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/copying.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

const Tensor& constant_or_none(const LoweredGraph& graph, ValueId id) {
  static const Tensor none;
  const Tensor* tensor = graph.constant(id);
  return tensor ? *tensor : none;
}

ResizeGeometry geometry_of(const LoweredOp& op, const LoweredGraph& graph) {
  return resize_geometry(
      op.node, graph.value(op.node.inputs[0]).shape, constant_or_none(graph, op.node.input(1)),
      constant_or_none(graph, op.node.input(2)), constant_or_none(graph, op.node.input(3)));
}

/** The two inputs an output position blends, and the weight of the second. */
struct Blend {
  std::vector<uint32_t> first, second;
  std::vector<float> weight;

  Blend(const ResizeGeometry& geometry, const ResizeAxis& axis) {
    for (int64_t i = 0; i < axis.output; ++i) {
      const auto taps = geometry.taps(axis, geometry.source(axis, i));
      first.push_back(static_cast<uint32_t>(taps.front().position));
      second.push_back(static_cast<uint32_t>(taps.back().position));
      weight.push_back(taps.size() > 1 ? taps.back().weight : 0.0f);
    }
  }
};

void add_nearest(const ResizeGeometry& geometry, const LoweredOp& op, PlanBuilder& plan) {
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const ImageShape in = image_shape(plan.value(x).shape);
  const ImageShape out = image_shape(plan.value(y).shape);
  const size_t pixel = in.channels * element_bytes(plan.value(x).dtype);
  const auto map_of = [&](const ResizeAxis& axis) {
    std::vector<size_t> map;
    for (int64_t i = 0; i < axis.output; ++i) {
      map.push_back(static_cast<size_t>(geometry.nearest(axis, geometry.source(axis, i))));
    }
    return map;
  };
  std::vector<size_t> rows = {0};
  if (geometry.axes.size() == 4) rows = map_of(geometry.axes[2]);
  const std::vector<size_t> columns = map_of(geometry.axes.back());
  plan.add_step("resize_nearest", [=](RunState& state) {
    const size_t grain = std::max<size_t>(1, kParallelGrain / (out.width * pixel));
    for (size_t n = 0; n < in.batch; ++n) {
      const std::byte* image = state.data(x) + n * in.pixels() * pixel;
      std::byte* result = state.data(y) + n * out.pixels() * pixel;
      for_ranges(state, out.height, 1, grain, [&](IndexRange range, int) {
        for (size_t oy = range.begin; oy < range.end; ++oy) {
          const std::byte* from = image + rows[oy] * in.width * pixel;
          std::byte* to = result + oy * out.width * pixel;
          for (size_t ox = 0; ox < out.width; ++ox) {
            copy_bytes(to + ox * pixel, from + columns[ox] * pixel, pixel);
          }
        }
      });
    }
  });
}

void add_linear(const ResizeGeometry& geometry, const LoweredOp& op, PlanBuilder& plan) {
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const ImageShape in = image_shape(plan.value(x).shape);
  const ImageShape out = image_shape(plan.value(y).shape);
  const ResizeAxis one;
  const Blend rows(geometry, geometry.axes.size() == 4 ? geometry.axes[2] : one);
  const Blend columns(geometry, geometry.axes.back());
  const ResizeRowFn fn = plan.kernels().resize_linear_row;
  plan.add_step("f32_resize_linear", [=](RunState& state) {
    const size_t in_row = in.width * in.channels;
    const size_t out_row = out.width * out.channels;
    const size_t grain = std::max<size_t>(1, kParallelGrain / sizeof(float) / out_row);
    for (size_t n = 0; n < in.batch; ++n) {
      const float* image = state.data<float>(x) + n * in.height * in_row;
      float* result = state.data<float>(y) + n * out.height * out_row;
      for_ranges(state, out.height, 1, grain, [&](IndexRange range, int) {
        for (size_t oy = range.begin; oy < range.end; ++oy) {
          ResizeRowArgs args;
          args.row0 = image + rows.first[oy] * in_row;
          args.row1 = image + rows.second[oy] * in_row;
          args.fy = rows.weight[oy];
          args.left = columns.first.data();
          args.right = columns.second.data();
          args.fx = columns.weight.data();
          args.out_w = out.width;
          args.channels = out.channels;
          fn(args, result + oy * out_row);
        }
      });
    }
  });
}

/** 8 bits in, 8 bits out; a row at a time is blended in float, exactly as the three operators the
 * file has do it. */
void add_quantized_linear(const ResizeGeometry& geometry, const LoweredOp& op, PlanBuilder& plan) {
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const ImageShape in = image_shape(plan.value(x).shape);
  const ImageShape out = image_shape(plan.value(y).shape);
  const ResizeAxis one;
  const Blend rows(geometry, geometry.axes.size() == 4 ? geometry.axes[2] : one);
  const Blend columns(geometry, geometry.axes.back());
  const size_t in_row = in.width * in.channels;
  const size_t out_row = out.width * out.channels;
  plan.need_scratch((2 * in_row + out_row) * sizeof(float));
  plan.add_step("q8_resize_linear",
                [=, fn = plan.kernels().resize_linear_row, widen = plan.kernels().dequantize,
                 narrow = plan.kernels().quantize, from = op.integer->inputs[0].params(),
                 to = op.integer->output.params()](RunState& state) {
                  const size_t grain =
                      std::max<size_t>(1, kParallelGrain / sizeof(float) / out_row);
                  for (size_t n = 0; n < in.batch; ++n) {
                    const std::byte* image = state.data(x) + n * in.height * in_row;
                    std::byte* result = state.data(y) + n * out.height * out_row;
                    for_ranges(state, out.height, 1, grain, [&](IndexRange range, int thread) {
                      auto* row0 = reinterpret_cast<float*>(state.scratch(thread));
                      float* row1 = row0 + in_row;
                      float* blended = row1 + in_row;
                      for (size_t oy = range.begin; oy < range.end; ++oy) {
                        widen(image + rows.first[oy] * in_row, row0, in_row, from);
                        widen(image + rows.second[oy] * in_row, row1, in_row, from);
                        ResizeRowArgs args;
                        args.row0 = row0;
                        args.row1 = row1;
                        args.fy = rows.weight[oy];
                        args.left = columns.first.data();
                        args.right = columns.second.data();
                        args.fx = columns.weight.data();
                        args.out_w = out.width;
                        args.channels = out.channels;
                        fn(args, blended);
                        narrow(blended, result + oy * out_row, out_row, to);
                      }
                    });
                  }
                });
}

}  // namespace

bool fits_resize(const LoweredOp& op, const LoweredGraph& graph) {
  const ValueId x = op.node.inputs[0];
  const bool quantized = op.node.is(kLowered, "QResize");
  if (!op.node.is("Resize") && !quantized) return false;
  if (!has_rank(graph, x, 3) && !has_rank(graph, x, 4)) return false;
  if (!fits_copy(op, graph) || graph.value(op.node.outputs[0]).shape.elements() == 0) return false;
  for (size_t i = 1; i < op.node.inputs.size(); ++i) {
    if (op.node.inputs[i] != kNoValue && graph.constant(op.node.inputs[i]) == nullptr) return false;
  }
  const ResizeGeometry geometry = geometry_of(op, graph);
  if (geometry.coordinates == ResizeCoordinates::tf_crop_and_resize || geometry.antialias) {
    return false;
  }
  for (size_t axis = 0; axis < 2; ++axis) {
    if (geometry.axes[axis].input != geometry.axes[axis].output ||
        geometry.axes[axis].scale != 1.0f) {
      return false;
    }
  }
  if (geometry.mode == ResizeMode::nearest) return !quantized;
  if (geometry.mode != ResizeMode::linear || is_f32(graph, x) == quantized) return false;
  // A blend of two: fewer inputs than taps would need more.
  return !geometry.exclude_outside;
}

bool build_resize(const LoweredOp& op, PlanBuilder& plan) {
  if (!fits_resize(op, plan.graph())) return false;
  const ResizeGeometry geometry = geometry_of(op, plan.graph());
  if (geometry.mode == ResizeMode::nearest) {
    add_nearest(geometry, op, plan);
  } else if (op.integer) {
    add_quantized_linear(geometry, op, plan);
  } else {
    add_linear(geometry, op, plan);
  }
  return true;
}

}  // namespace whittle
