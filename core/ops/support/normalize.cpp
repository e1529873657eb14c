#include "core/ops/support/normalize.h"

#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {

Moments moments(const float* x, int64_t count, int64_t step) {
  if (count == 0) return {};
  const auto n = static_cast<double>(count);
  Moments result;
  for (int64_t i = 0; i < count; ++i) result.mean += static_cast<double>(x[i * step]);
  result.mean /= n;
  for (int64_t i = 0; i < count; ++i) {
    const double centred = static_cast<double>(x[i * step]) - result.mean;
    result.variance += centred * centred;
  }
  result.variance /= n;
  return result;
}

std::vector<float> repeating_values(const EvalContext& context, size_t i, const Shape& shape,
                                    float fallback) {
  if (!context.has_input(i)) return {fallback};
  const std::string where = context.node().label();
  const Tensor values = float_input(context, i);
  if (!(broadcast(values.shape(), shape, where) == shape)) {
    fail(Code::SHAPE_MISMATCH, where, "Expected input ", i, " to broadcast to ", to_string(shape),
         " for ", where, " but received ", to_string(values.shape()));
  }
  // Leading ones apart, the trailing dimensions of `shape` repeat as they are.
  const Shape strides = broadcast_strides(values.shape(), shape);
  int64_t expected = 1;
  bool suffix = true;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const bool ended = expected == values.elements();
    suffix = suffix && (shape[axis] == 1 || strides[axis] == (ended ? 0 : expected));
    if (!ended) expected *= shape[axis];
  }
  Tensor repeated = values;
  if (!suffix) {
    repeated = Tensor::allocate(DType::f32, shape);
    copy_view(repeated, view_of(shape), values, View{0, strides}, shape);
  }
  const auto data = repeated.data<float>();
  return {data.begin(), data.end()};
}

void normalize_groups(EvalContext& context, int64_t groups) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  require_rank(node, shape, 2);
  const int64_t channels = shape[1];
  if (groups < 1 || channels % groups != 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a number of groups that divides ", channels,
         " channels for ", node.label(), " but received ", groups);
  }
  const int64_t pixels = shape.elements(2, shape.rank());
  const double epsilon = node.float_attribute("epsilon", 1e-5f);
  for (size_t i = 1; i <= 2; ++i) {
    require_elements(context, context.input(i), channels, "a parameter");
  }
  const std::vector<float> scale = float_values(context, 1);
  const std::vector<float> bias = float_values(context, 2);
  const int64_t size = channels / groups * pixels;  // elements of one group
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const float* in = x.data<float>().data();
    float* out = y.mutable_data<float>().data();
    for (int64_t g = 0; g < shape[0] * groups; ++g) {
      const Moments m = moments(in + g * size, size);
      const double inverse = 1.0 / std::sqrt(m.variance + epsilon);
      for (int64_t i = g * size; i < (g + 1) * size; ++i) {
        const auto c = static_cast<size_t>(i / pixels % channels);
        out[i] = static_cast<float>((in[i] - m.mean) * inverse) * scale[c] + bias[c];
      }
    }
  });
}

Shape statistics_shape(const Shape& shape, int first) {
  Shape result = shape;
  for (int axis = first; axis < shape.rank(); ++axis) result[axis] = 1;
  return result;
}

Dims statistics_dims(Dims dims, int first) {
  std::fill(dims.begin() + first, dims.end(), Dim(1));
  return dims;
}

}  // namespace whittle
