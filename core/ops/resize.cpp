#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/resize_geometry.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

bool is_given(const InferContext& context, size_t i) {
  if (!context.has_input(i)) return false;
  const auto& dims = context.dims(i);
  return !(dims && dims->size() == 1 && (*dims)[0] == Dim(0));
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  if (!context.dims(0)) return context.set_output(0, context.dtype(0));
  const Dims& x = *context.dims(0);
  Dims out = unknown_dims(rank_of(x));
  const bool has_scales = is_given(context, 2);
  const Tensor& scales = context.input(2).constant;
  const Tensor& sizes = context.input(3).constant;
  const bool known = has_scales ? scales.defined() : sizes.defined();
  if (known) {
    // One axis does not need another's size, except under keep_aspect_ratio_policy.
    Shape guess;
    for (const Dim& dim : x) guess.push_back(dim.known() ? dim.value : 1);
    ResizeGeometry geometry;
    const int64_t listed =
        node.has("axes") ? static_cast<int64_t>(node.ints_attribute("axes").size()) : guess.rank();
    const Tensor roi = Tensor::zeros(DType::f32, Shape{2 * listed});
    geometry = resize_geometry(node, guess, roi, has_scales ? scales : Tensor{}, sizes);
    const bool separate =
        node.string_attribute("keep_aspect_ratio_policy", "stretch") == "stretch" || has_scales ||
        concrete(x).has_value();
    for (size_t i = 0; i < x.size() && separate; ++i) {
      const ResizeAxis& axis = geometry.axes[i];
      const bool untouched = axis.scale == 1.0f && axis.input == axis.output;
      if (x[i].known()) {
        out[i] = axis.output;
      } else if (has_scales) {
        if (untouched) out[i] = x[i];
      } else {
        // Sizes state the output whatever the input; an axis left out of `axes` passes through.
        const std::vector<int64_t> axes = node.ints_attribute("axes");
        const bool resized =
            axes.empty() || std::any_of(axes.begin(), axes.end(), [&](int64_t at) {
              return normalize_axis(at, rank_of(x), node.label()) == static_cast<int>(i);
            });
        out[i] = resized ? Dim(axis.output) : x[i];
      }
    }
  }
  context.set_output(0, context.dtype(0), out);
}

/** y[o, r, i] = sum over taps of weight * x[o, position, i] along one axis, in float; a row whose
 * source is outside takes the extrapolation value.   x [outer, input, inner]   y [outer, output,
 * inner] */
Tensor resize_axis(const ResizeGeometry& geometry, const Tensor& x, int at) {
  const ResizeAxis& axis = geometry.axes[static_cast<size_t>(at)];
  Shape shape = x.shape();
  shape[at] = axis.output;
  Tensor y = Tensor::zeros(DType::f32, shape);
  const int64_t outer = shape.elements(0, at);
  const int64_t inner = shape.elements(at + 1, shape.rank());
  const float* in = x.data<float>().data();
  float* out = y.mutable_data<float>().data();
  for (int64_t r = 0; r < axis.output; ++r) {
    const float source = geometry.source(axis, r);
    const bool outside = geometry.extrapolates(axis, source);
    std::vector<ResizeGeometry::Tap> taps;
    if (geometry.mode == ResizeMode::nearest) {
      taps = {{geometry.nearest(axis, source), 1.0f}};
    } else if (!outside) {
      taps = geometry.taps(axis, source);
    }
    for (int64_t o = 0; o < outer; ++o) {
      float* row = out + (o * axis.output + r) * inner;
      if (outside) {
        std::fill_n(row, inner, geometry.extrapolation);
        continue;
      }
      for (const auto& tap : taps) {
        const float* from = in + (o * axis.input + tap.position) * inner;
        for (int64_t i = 0; i < inner; ++i) row[i] += tap.weight * from[i];
      }
    }
  }
  return y;
}

/** The same for nearest mode on any element type. */
Tensor pick_along_axis(const ResizeGeometry& geometry, const Tensor& x, int at) {
  const ResizeAxis& axis = geometry.axes[static_cast<size_t>(at)];
  Shape shape = x.shape();
  shape[at] = axis.output;
  Tensor y = Tensor::zeros(x.dtype(), shape);
  const int64_t outer = shape.elements(0, at);
  const int64_t inner = shape.elements(at + 1, shape.rank());
  for (int64_t r = 0; r < axis.output; ++r) {
    const int64_t position = geometry.nearest(axis, geometry.source(axis, r));
    for (int64_t o = 0; o < outer; ++o) {
      copy_elements(y, (o * axis.output + r) * inner, x, (o * axis.input + position) * inner,
                    inner);
    }
  }
  return y;
}

// Axis after axis: the geometry says which input positions, with which weights, make an output
// position. Floats and all blends in f32, integers that are only picked stay as they are.
//   x [..]   roi [2 * axes] f32   scales [axes] f32   sizes [axes] i64   y [..]
void evaluate(EvalContext& context) {
  const Tensor& x = context.input(0);
  const ResizeGeometry geometry = resize_geometry(context.node(), x.shape(), context.input(1),
                                                  context.input(2), context.input(3));
  const bool picks = geometry.mode == ResizeMode::nearest && !is_float(x.dtype());
  Tensor current = picks ? x : convert(x, DType::f32);
  for (int at = 0; at < x.shape().rank(); ++at) {
    if (geometry.axes[static_cast<size_t>(at)].identity) continue;
    current = picks ? pick_along_axis(geometry, current, at) : resize_axis(geometry, current, at);
  }
  context.forward(0, convert(current, x.dtype()));
}

}  // namespace

void register_resize(OpTable& table) {
  table.add({.domain = "", .name = "Resize", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
