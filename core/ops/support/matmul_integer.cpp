#include "core/ops/support/matmul_integer.h"

#include "core/ops/support/float_io.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

/** values - zero_point, for `count` zero points repeated along `inner` elements each (rows of a),
 * or cycling element by element (columns of b). */
std::vector<uint32_t> centre(const EvalContext& context, IntegerOperand operand, bool rows) {
  const Node& node = context.node();
  const Tensor& values = context.input(operand.values);
  const Shape& shape = values.shape();
  if (!context.has_input(operand.zero_point) || context.input(operand.zero_point).elements() == 1) {
    return centred(values, channel_zero_points(context, operand.zero_point, 1), 1,
                   values.elements(), node);
  }
  const Tensor& zero_point = context.input(operand.zero_point);
  const std::vector<int32_t> points = load_quantized(zero_point, node);
  const int64_t count = zero_point.elements();
  const int64_t columns = shape.rank() == 0 ? 1 : shape.back();
  if (rows) {
    // [m], repeated for every matrix, or [batch.., m, 1]
    const int64_t all_rows = columns == 0 ? 0 : values.elements() / columns;
    if (count == 0 || all_rows % count != 0) {
      require_elements(context, zero_point, all_rows, "a zero point");
    }
    return centred(values, points, count == 0 ? 0 : all_rows / count, columns, node);
  }
  if (zero_point.shape().rank() <= 1 || count == columns) {
    require_elements(context, zero_point, columns, "a zero point");
    return centred(values, points, columns == 0 ? 0 : values.elements() / columns, 1, node);
  }
  // [batch.., 1, n]: one row of zero points for each matrix
  const int64_t depth = shape[shape.rank() - 2];
  require_elements(context, zero_point, depth == 0 ? 0 : values.elements() / depth, "a zero point");
  std::vector<uint32_t> out = centred(values, {0}, 1, values.elements(), node);
  for (int64_t i = 0; i < values.elements(); ++i) {
    const int64_t point = i / (depth * columns) * columns + i % columns;
    out[static_cast<size_t>(i)] -= static_cast<uint32_t>(points[static_cast<size_t>(point)]);
  }
  return out;
}

IntegerProduct product_of(const EvalContext& context, const Shape& a_shape,
                          const std::vector<uint32_t>& a, IntegerOperand b) {
  IntegerProduct product;
  product.geometry = matmul_geometry(context.node(), a_shape, context.input(b.values).shape());
  const std::vector<uint32_t> right = centre(context, b, false);
  product.sums.resize(static_cast<size_t>(product.geometry.output.elements()));
  multiply_batches(product.geometry, a.data(), right.data(), product.sums.data());
  return product;
}

}  // namespace

IntegerProduct multiply_integers(const EvalContext& context, IntegerOperand a, IntegerOperand b) {
  return product_of(context, context.input(a.values).shape(), centre(context, a, true), b);
}

IntegerProduct multiply_integers(const EvalContext& context, const Tensor& a, IntegerOperand b) {
  return product_of(context, a.shape(), centred(a, {0}, 1, a.elements(), context.node()), b);
}

}  // namespace whittle
