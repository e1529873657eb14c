#include <algorithm>
#include <vector>

#include "core/ops/op.h"
#include "core/ops/support/average_window.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

bool channels_last(const Node& node) {
  return node.int_attribute("channels_last", 0) != 0;
}

/** A list over [batch, pixels.., channels] as one over [batch, channels, pixels..]. */
Dims channels_first(Dims list) {
  std::rotate(list.begin() + 1, list.end() - 1, list.end());
  return list;
}

Shape channels_first(const Shape& list) {
  Shape turned{list[0], list.back()};
  for (int i = 1; i + 1 < list.rank(); ++i) turned.push_back(list[i]);
  return turned;
}

std::optional<Dims> plain_dims(const InferContext& context) {
  const auto& dims = context.dims(0);
  if (!dims || !channels_last(context.node()) || dims->size() < 3) return dims;
  return channels_first(*dims);
}

void set_pooled(InferContext& context, std::optional<Dims> dims) {
  if (dims && channels_last(context.node())) {
    std::rotate(dims->begin() + 1, dims->begin() + 2, dims->end());
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

void infer_average(InferContext& context) {
  require_inputs(context.node(), 4);
  set_pooled(context, pool_dims(context.node(), plain_dims(context)));
}

void infer_global(InferContext& context) {
  require_inputs(context.node(), 4);
  set_pooled(context, global_pool_dims(context.node(), plain_dims(context)));
}

/** One axis that covers all pixels: a global pool as a window. */
PoolGeometry global_geometry(const Shape& x) {
  PoolGeometry geometry;
  geometry.batch = x[0];
  geometry.channels = x[1];
  WindowAxis axis;
  axis.input = axis.kernel = x.elements(2, x.rank());
  geometry.axes = {axis};
  return geometry;
}

// y = saturate(round_half_even(sum of (x - x_zero_point) over the window * m) + y_zero_point) with
// m = x_scale / y_scale / divisor in f32 (divisor: average_window.h).
//   inputs: x, x_scale, x_zero_point, y_scale, y_zero_point
//   x [batch, channels, pixels..], or channels last   y pooled, in the same layout
void evaluate_pool(EvalContext& context, bool global) {
  const Node& node = context.node();
  const Tensor& given = context.input(0);
  require_rank(node, given.shape(), 3);
  const bool last = channels_last(node);
  Tensor x = given;
  if (last) {
    const Shape plain = channels_first(given.shape());
    const Shape strides = channels_first(strides_of(given.shape()));
    x = Tensor::allocate(given.dtype(), plain);
    copy_view(x, view_of(plain), given, View{0, strides}, plain);
  }
  const PoolGeometry geometry =
      global ? global_geometry(x.shape()) : pool_geometry(node, x.shape());
  const AverageWindow window(geometry, node);
  const float ratio = scalar_scale(context, 1) / scalar_scale(context, 3);
  const int32_t x_zero_point = scalar_zero_point(context, 2);
  const int32_t y_zero_point = scalar_zero_point(context, 4);
  const QRange range = quantized_range(x.dtype(), node);
  const std::vector<int32_t> values = load_quantized(x, node);
  // Sums of 8-bit values below 2^16 taps are exact in f32.
  std::vector<float> centred(values.size());
  std::transform(values.begin(), values.end(), centred.begin(),
                 [&](int32_t q) { return static_cast<float>(q - x_zero_point); });
  Shape pooled = geometry.output_shape();
  if (global) {
    pooled = Shape{geometry.batch, geometry.channels};
    for (int i = 2; i < x.shape().rank(); ++i) pooled.push_back(1);
  }
  Shape out_shape = pooled;
  if (last) {
    out_shape = Shape{pooled[0]};
    for (int i = 2; i < pooled.rank(); ++i) out_shape.push_back(pooled[i]);
    out_shape.push_back(pooled[1]);
  }
  Tensor& y = context.output(0, x.dtype(), out_shape);
  std::vector<float> sums(static_cast<size_t>(window.out_pixels()));
  for (int64_t p = 0; p < geometry.batch * geometry.channels; ++p) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    window.add_taps(centred.data() + p * window.in_pixels(), sums.data());
    const int64_t b = p / geometry.channels;
    const int64_t c = p % geometry.channels;
    for (int64_t o = 0; o < window.out_pixels(); ++o) {
      const float m = ratio / static_cast<float>(window.divisor(o));
      const int64_t at = last ? (b * window.out_pixels() + o) * geometry.channels + c
                              : p * window.out_pixels() + o;
      store_quantized(y, at, saturate(sums[static_cast<size_t>(o)] * m, y_zero_point, range));
    }
  }
}

void evaluate_average(EvalContext& context) {
  evaluate_pool(context, false);
}
void evaluate_global(EvalContext& context) {
  evaluate_pool(context, true);
}

}  // namespace

void register_ms_qlinear_pool(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "QLinearAveragePool",
             .infer = infer_average,
             .evaluate = evaluate_average});
  table.add({.domain = "com.microsoft",
             .name = "QLinearGlobalAveragePool",
             .infer = infer_global,
             .evaluate = evaluate_global});
}

}  // namespace whittle
