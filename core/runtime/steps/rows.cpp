#include <algorithm>

#include "core/runtime/layout.h"
#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/support.h"

namespace whittle {
namespace {

size_t row_grain(size_t cols) {
  return std::max<size_t>(1, kParallelGrain / sizeof(float) / std::max<size_t>(1, cols));
}

RowsArgs dense_rows(const float* x, float* y, size_t cols) {
  return {x, cols, y, cols, cols};
}

}  // namespace

// Over the axis that lies last in memory.
bool build_softmax(const LoweredOp& op, PlanBuilder& plan) {
  const bool log = op.node.is("LogSoftmax");
  if (!log && !op.node.is("Softmax")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const LoweredValue& value = plan.value(x);
  const int rank = value.shape.rank();
  if (value.dtype != DType::f32 || rank == 0) return false;
  const int axis = normalize_axis(op.node.int_attribute("axis", -1), rank, op.node.label());
  if (stored_axis(value, axis) != rank - 1 && value.shape.elements(axis + 1, rank) != 1)
    return false;
  if (value.layout != Layout::plain && axis != 1) return false;
  const auto cols = static_cast<size_t>(value.shape[axis]);
  if (cols == 0) return false;
  const size_t rows = elements(value) / cols;
  const SoftmaxFn fn = log ? plan.kernels().log_softmax : plan.kernels().softmax;
  plan.allow_in_place(y, x);
  plan.add_step(log ? "f32_log_softmax" : "f32_softmax", [=](RunState& state) {
    const RowsArgs args = dense_rows(state.data<float>(x), state.data<float>(y), cols);
    for_ranges(state, rows, 1, row_grain(cols), [&](IndexRange range, int) { fn(args, range); });
  });
  return true;
}

bool build_layer_norm(const LoweredOp& op, PlanBuilder& plan) {
  const bool layer = op.node.is(kLowered, "LayerNorm");
  if (!layer && !op.node.is(kLowered, "RmsNorm")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId gamma = op.node.input(1);
  const ValueId beta = op.node.input(2);
  const ValueId y = op.node.outputs[0];
  const auto cols = static_cast<size_t>(op.node.int_attribute("cols", 0));
  const size_t rows = elements(plan.value(x)) / cols;
  const float epsilon = op.node.float_attribute("epsilon", 1e-5f);
  const KernelTable& kernels = plan.kernels();
  plan.allow_in_place(y, x);
  plan.add_step(layer ? "f32_layer_norm" : "f32_rms_norm",
                [=, layer_norm = kernels.layer_norm, rms_norm = kernels.rms_norm](RunState& state) {
                  const RowsArgs args =
                      dense_rows(state.data<float>(x), state.data<float>(y), cols);
                  const float* g = gamma == kNoValue ? nullptr : state.data<float>(gamma);
                  const float* b = beta == kNoValue ? nullptr : state.data<float>(beta);
                  for_ranges(state, rows, 1, row_grain(cols), [&](IndexRange range, int) {
                    if (layer) {
                      layer_norm(args, range, g, b, epsilon);
                    } else {
                      rms_norm(args, range, g, epsilon);
                    }
                  });
                });
  return true;
}

bool build_instance_norm(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "InstanceNorm")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId gamma = op.node.input(1);
  const ValueId beta = op.node.input(2);
  const ValueId y = op.node.outputs[0];
  const ImageShape image = image_shape(plan.value(x).shape);
  const float epsilon = op.node.float_attribute("epsilon", 1e-5f);
  plan.allow_in_place(y, x);
  plan.add_step("f32_instance_norm", [=, fn = plan.kernels().instance_norm](RunState& state) {
    const float* g = gamma == kNoValue ? nullptr : state.data<float>(gamma);
    const float* b = beta == kNoValue ? nullptr : state.data<float>(beta);
    const size_t grain = std::max<size_t>(4, kParallelGrain / sizeof(float) / image.pixels());
    for (size_t n = 0; n < image.batch; ++n) {
      const size_t offset = n * image.pixels() * image.channels;
      const float* in = state.data<float>(x) + offset;
      float* out = state.data<float>(y) + offset;
      for_ranges(state, image.channels, 4, grain, [&](IndexRange channels, int) {
        fn(in, out, image.pixels(), image.channels, channels, g, b, epsilon);
      });
    }
  });
  return true;
}

namespace {

std::optional<ReduceKind> reduce_kind(const Node& node) {
  if (node.is("ReduceMean")) return ReduceKind::mean;
  if (node.is("ReduceSum")) return ReduceKind::sum;
  if (node.is("ReduceMax")) return ReduceKind::max;
  if (node.is("ReduceMin")) return ReduceKind::min;
  if (node.is("ReduceSumSquare")) return ReduceKind::sum_square;
  return std::nullopt;
}

}  // namespace

// Over neighbouring axes in memory: [outer, reduced, inner].
bool build_reduce(const LoweredOp& op, PlanBuilder& plan) {
  const auto kind = reduce_kind(op.node);
  if (!kind) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const LoweredValue& value = plan.value(x);
  if (value.dtype != DType::f32 || elements(value) == 0) return false;
  const int rank = value.shape.rank();
  std::vector<int> axes;
  if (op.node.input(1) != kNoValue) {
    const auto stated = integer_constant(plan.graph(), op.node.inputs[1]);
    if (!stated) return false;
    for (int64_t axis : *stated) {
      axes.push_back(stored_axis(value, normalize_axis(axis, rank, op.node.label())));
    }
  }
  if (axes.empty()) {
    if (op.node.int_attribute("noop_with_empty_axes", 0) != 0) return false;
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  std::sort(axes.begin(), axes.end());
  for (size_t i = 1; i < axes.size(); ++i) {
    if (axes[i] != axes[i - 1] + 1) return false;
  }
  const Shape stored = value.stored_shape();
  const int first = axes.empty() ? 0 : axes.front();
  const int behind = axes.empty() ? 0 : axes.back() + 1;
  const auto outer = static_cast<size_t>(stored.elements(0, first));
  const auto reduced = static_cast<size_t>(stored.elements(first, behind));
  const auto inner = static_cast<size_t>(stored.elements(behind, rank));
  const auto index = static_cast<size_t>(*kind);
  if (inner == 1) {
    plan.add_step("f32_reduce_rows", [=, fn = plan.kernels().reduce_inner[index]](RunState& state) {
      for_ranges(state, outer, 1, row_grain(reduced), [&](IndexRange rows, int) {
        fn(state.data<float>(x), reduced, reduced, state.data<float>(y), rows);
      });
    });
    return true;
  }
  plan.add_step("f32_reduce_columns",
                [=, fn = plan.kernels().reduce_outer[index]](RunState& state) {
                  for (size_t o = 0; o < outer; ++o) {
                    const float* in = state.data<float>(x) + o * reduced * inner;
                    float* out = state.data<float>(y) + o * inner;
                    for_ranges(state, inner, 16, std::max<size_t>(16, row_grain(reduced)),
                               [&](IndexRange range, int) { fn(in, inner, reduced, out, range); });
                  }
                });
  return true;
}

// Index of the greatest value along the axis that lies last in memory; the first one, or the last
// with select_last_index.
bool build_argmax(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("ArgMax")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const LoweredValue& value = plan.value(x);
  const int rank = value.shape.rank();
  if (value.dtype != DType::f32 || rank == 0 ||
      op.node.int_attribute("select_last_index", 0) != 0) {
    return false;
  }
  const int axis = normalize_axis(op.node.int_attribute("axis", 0), rank, op.node.label());
  if (stored_axis(value, axis) != rank - 1) return false;
  const auto cols = static_cast<size_t>(value.shape[axis]);
  if (cols == 0) return false;
  const size_t rows = elements(value) / cols;
  plan.add_step("f32_argmax", [=](RunState& state) {
    const float* in = state.data<float>(x);
    int64_t* out = state.data<int64_t>(y);
    for_ranges(state, rows, 1, row_grain(cols), [&](IndexRange range, int) {
      for (size_t row = range.begin; row < range.end; ++row) {
        const float* values = in + row * cols;
        size_t best = 0;
        for (size_t c = 1; c < cols; ++c) {
          if (values[c] > values[best]) best = c;
        }
        out[row] = static_cast<int64_t>(best);
      }
    });
  });
  return true;
}

bool build_channel_shuffle(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "ChannelShuffle")) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const ImageShape image = image_shape(plan.value(x).shape);
  const auto groups = static_cast<size_t>(op.node.int_attribute("groups", 1));
  const size_t each = image.channels / groups;
  const size_t size = element_bytes(plan.value(x).dtype);
  if (size != 4 && size != 1) return false;
  const auto pixels = image.batch * image.pixels();
  // Channel c of group g moves to c * groups + g.
  const auto shuffle = [=]<typename T>(const T* in, T* out, IndexRange range) {
    for (size_t p = range.begin; p < range.end; ++p) {
      const T* from = in + p * image.channels;
      T* to = out + p * image.channels;
      for (size_t g = 0; g < groups; ++g) {
        for (size_t c = 0; c < each; ++c) to[c * groups + g] = from[g * each + c];
      }
    }
  };
  plan.add_step("channel_shuffle", [=](RunState& state) {
    for_ranges(state, pixels, 1, row_grain(image.channels), [&](IndexRange range, int) {
      if (size == 4) {
        shuffle(state.data<uint32_t>(x), state.data<uint32_t>(y), range);
      } else {
        shuffle(state.data<uint8_t>(x), state.data<uint8_t>(y), range);
      }
    });
  });
  return true;
}

}  // namespace whittle
