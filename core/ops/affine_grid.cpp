// AffineGrid: sampling positions of an affine map, for GridSample.
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  const auto size = context.integers(1);
  if (!size || size->size() < 3) return context.set_output(0, context.dtype(0));
  Dims dims{size->front()};
  dims.insert(dims.end(), size->begin() + 2, size->end());
  dims.push_back(static_cast<int64_t>(size->size()) - 2);
  context.set_output(0, context.dtype(0), std::move(dims));
}

/** The middle (or with align_corners the end points) of pixel i of n, the image being [-1, 1]. */
double coordinate(int64_t i, int64_t n, bool align_corners) {
  if (!align_corners) return static_cast<double>(2 * i + 1) / static_cast<double>(n) - 1;
  return n == 1 ? 0 : static_cast<double>(2 * i) / static_cast<double>(n - 1) - 1;
}

// y[n, position] = theta[n] (x, y, [z,] 1) at the position's coordinates, x belonging to the last
// axis.   theta [N, r, r + 1]   size = [N, C, image..] of r image axes   y [N, image.., r]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor theta = float_input(context, 0);
  const std::vector<int64_t> size = to_int64s(context.input(1), node.label());
  const auto r = static_cast<int64_t>(size.size()) - 2;
  if ((r != 2 && r != 3) || !(theta.shape() == Shape{size[0], r, r + 1})) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected theta [N,2,3] or [N,3,4] and a size to it for ", node.label(), " but received ",
         to_string(theta.shape()), " and ", size.size(), " sizes");
  }
  const bool align_corners = node.int_attribute("align_corners", 0) != 0;
  Shape shape{size[0]};
  for (int64_t axis = 0; axis < r; ++axis) shape.push_back(size[static_cast<size_t>(axis + 2)]);
  const int64_t pixels = shape.elements(1, shape.rank());
  shape.push_back(r);
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    for (int64_t p = 0; p < size[0] * pixels; ++p) {
      double at[4] = {};  // x, y, [z,] 1
      int64_t rest = p % pixels;
      for (int64_t k = 0; k < r; ++k) {
        const int64_t extent = shape[static_cast<int>(r - k)];
        at[k] = coordinate(rest % extent, extent, align_corners);
        rest /= extent;
      }
      at[r] = 1;
      for (int64_t row = 0; row < r; ++row) {
        const float* factors = theta.data<float>().data() + (p / pixels * r + row) * (r + 1);
        double sum = 0;
        for (int64_t k = 0; k <= r; ++k) sum += factors[k] * at[k];
        *out++ = static_cast<float>(sum);
      }
    }
  });
}

}  // namespace

void register_affine_grid(OpTable& table) {
  table.add({.name = "AffineGrid", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
