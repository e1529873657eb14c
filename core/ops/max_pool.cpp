#include <algorithm>
#include <limits>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/pool_geometry.h"
#include "core/ops/support/window_walk.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  const auto dims = pool_dims(context.node(), context.dims(0));
  context.set_output(0, context.dtype(0), dims);
  context.set_output(1, DType::i64, dims);
}

/** The index within its image of element `offset` of a plane, with the last axis outermost. */
int64_t column_major(const SpatialAxes& axes, int64_t offset) {
  const int64_t i2 = offset % axes[2].input;
  const int64_t i1 = offset / axes[2].input % axes[1].input;
  const int64_t i0 = offset / axes[2].input / axes[1].input;
  return i0 + axes[0].input * (i1 + axes[1].input * i2);
}

// best[o] = the greatest x at position(o, t) over the taps t that lie inside x; where[o] = the
// offset in the plane of the first such. A NaN counts as the greatest. Without a tap: the type's
// least value.
//   x [input pixels]   best, where [output pixels]
template <typename T>
void pool_plane(const SpatialAxes& axes, const T* x, std::span<T> best, std::span<int64_t> where) {
  using Limits = std::numeric_limits<T>;
  std::fill(best.begin(), best.end(), Limits::has_infinity ? -Limits::infinity() : Limits::min());
  std::fill(where.begin(), where.end(), -1);
  const int64_t step = axes[2].stride;
  for (int64_t tap = 0; tap < axes[0].kernel * axes[1].kernel * axes[2].kernel; ++tap) {
    for_each_tap_row(axes, tap, [&](int64_t from, int64_t to, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const T value = x[from + i * step];
        const auto o = static_cast<size_t>(to + i);
        if (where[o] < 0 || value > best[o] || value != value) {
          best[o] = value;
          where[o] = from + i * step;
        }
      }
    });
  }
}

// y[b, c, o] = the greatest tap (pool_plane); indices = where it is in the flat x, counted with the
// last axis innermost, or outermost for storage_order 1.
//   x [batch, channels, input pixels]   y, indices [batch, channels, output pixels]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = widen(context.input(0));
  const PoolGeometry geometry = pool_geometry(node, x.shape());
  const SpatialAxes axes = spatial_axes(geometry.axes, node.label());
  const Shape shape = geometry.output_shape();
  const int64_t planes = geometry.batch * geometry.channels;
  const int64_t in_pixels = axes[0].input * axes[1].input * axes[2].input;
  const auto out_pixels = static_cast<size_t>(axes[0].output * axes[1].output * axes[2].output);
  std::vector<int64_t> where(static_cast<size_t>(planes) * out_pixels);
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    dispatch<float, double, int32_t>(x.dtype(), node, [&]<typename T>() {
      for (int64_t p = 0; p < planes; ++p) {
        const size_t at = static_cast<size_t>(p) * out_pixels;
        pool_plane<T>(axes, x.data<T>().data() + p * in_pixels,
                      y.mutable_data<T>().subspan(at, out_pixels),
                      std::span(where).subspan(at, out_pixels));
      }
    });
  });
  if (!context.wants_output(1)) return;
  const bool transposed = node.int_attribute("storage_order", 0) != 0;
  const auto indices = context.output(1, DType::i64, shape).mutable_data<int64_t>();
  for (size_t i = 0; i < where.size(); ++i) {
    const int64_t offset = std::max<int64_t>(0, where[i]);
    indices[i] = static_cast<int64_t>(i / out_pixels) * in_pixels +
                 (transposed ? column_major(axes, offset) : offset);
  }
}

}  // namespace

void register_max_pool(OpTable& table) {
  table.add({.domain = "",
             .name = "MaxPool",
             .infer = infer,
             .evaluate = evaluate,
             .traits = Trait::moves_data});
}

}  // namespace whittle
