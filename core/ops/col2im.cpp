// Col2Im: sums columns of sliding windows back into images, the adjoint of taking them out.
#include <algorithm>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/window_walk.h"

namespace whittle {
namespace {

int64_t product(const std::vector<int64_t>& values) {
  int64_t result = 1;
  for (int64_t value : values) result = checked_mul(result, value, "a block");
  return result;
}

void infer(InferContext& context) {
  require_inputs(context.node(), 3);
  const auto image = context.integers(1);
  const auto block = context.integers(2);
  const auto& dims = context.dims(0);
  if (!image) return context.set_output(0, context.dtype(0));
  Dims out = unknown_dims(2);
  if (dims && dims->size() == 3) {
    out[0] = (*dims)[0];
    if (block && (*dims)[1].known() && product(*block) > 0) {
      out[1] = (*dims)[1].value / product(*block);
    }
  }
  for (int64_t size : *image) out.push_back(size);
  context.set_output(0, context.dtype(0), std::move(out));
}

// y[n, c, position(o, t)] += x[n, c * taps + t, o] for each window o and each of its taps t
//   x [batch, channels * taps, windows]   y [batch, channels, image..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor x = float_input(context, 0);
  const std::vector<int64_t> image = to_int64s(context.input(1), node.label());
  const std::vector<int64_t> block = to_int64s(context.input(2), node.label());
  const WindowAttributes attributes = window_attributes(node, block);
  const int64_t taps = product(block);
  const Shape& in = x.shape();
  if (in.rank() != 3 || image.size() != block.size() || taps < 1 || in[1] % taps != 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [batch, channels * ", taps,
         ", windows] and an image of ", block.size(), " axes for ", node.label(), " but received ",
         to_string(in), " and ", image.size());
  }
  std::vector<WindowAxis> axes;
  Shape shape{in[0], in[1] / taps};
  int64_t windows = 1;
  for (size_t i = 0; i < image.size(); ++i) {
    axes.push_back(resolve_axis(attributes, i, image[i], node.label()));
    shape.push_back(image[i]);
    windows = checked_mul(windows, axes.back().output, "windows");
  }
  if (in[2] != windows) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", windows, " windows for ", node.label(),
         " but received ", in[2]);
  }
  const SpatialAxes spatial = spatial_axes(axes, node.label());
  const int64_t pixels = shape.elements(2, shape.rank());
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    std::fill(out.begin(), out.end(), 0.0f);
    for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
      const float* columns = x.data<float>().data() + plane * windows;
      float* picture = out.data() + plane / taps * pixels;
      for_each_tap_row(spatial, plane % taps, [&](int64_t tapped, int64_t other, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
          picture[tapped + i * spatial[2].stride] += columns[other + i];
        }
      });
    }
  });
}

}  // namespace

void register_col2im(OpTable& table) {
  table.add({.name = "Col2Im", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
