#include "core/ops/op.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/matmul_integer.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 8);
  context.set_output(0, context.dtype(7),
                     matmul_dims(context.node(), context.dims(0), context.dims(3)));
}

/** Index into `count` scales for the row (or column) `index` of matrix `matrix` of `size` rows. */
size_t scale_at(size_t count, int64_t matrix, int64_t size, int64_t index) {
  if (count == 1) return 0;
  const int64_t at = static_cast<int64_t>(count) == size ? index : matrix * size + index;
  return static_cast<size_t>(at);
}

void require_scales(const EvalContext& context, size_t i, int64_t size, size_t matrices) {
  const int64_t count = context.input(i).elements();
  if (count == 1 || count == size) return;
  require_elements(context, context.input(i), size * static_cast<int64_t>(matrices), "a scale");
}

// y = saturate(round_half_even(sum * (a_scale[i] * b_scale[j] / y_scale)) + y_zero_point), where
// sum is the product of (a - a_zero_point[i]) and (b - b_zero_point[j]) in int32.
//   inputs: a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point; those of a
//   are
//           [] or one for each row, those of b [] or one for each column
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const IntegerProduct product = multiply_integers(context, {0, 2}, {3, 5});
  const MatMulGeometry& geometry = product.geometry;
  const std::vector<float> a_scales = float_values(context, 1);
  const std::vector<float> b_scales = float_values(context, 4);
  require_scales(context, 1, geometry.m, geometry.a_matrix.size());
  require_scales(context, 4, geometry.n, geometry.b_matrix.size());
  const float y_scale = scalar_scale(context, 6);
  const int32_t y_zero_point = scalar_zero_point(context, 7);
  const DType y_type = context.input(7).dtype();
  const QRange range = quantized_range(y_type, node);
  Tensor& y = context.output(0, y_type, geometry.output);
  for (int64_t at = 0; at < y.elements(); ++at) {
    const int64_t column = at % geometry.n;
    const int64_t row = at / geometry.n % geometry.m;
    const int64_t matrix = at / geometry.n / geometry.m;
    const float scale = a_scales[scale_at(a_scales.size(), matrix, geometry.m, row)] *
                        b_scales[scale_at(b_scales.size(), matrix, geometry.n, column)] / y_scale;
    const float sum =
        static_cast<float>(static_cast<int32_t>(product.sums[static_cast<size_t>(at)]));
    store_quantized(y, at, saturate(sum * scale, y_zero_point, range));
  }
}

Cost cost(const NodeFacts& facts) {
  return matmul_cost_of(facts, 0, 3);
}

}  // namespace

void register_qlinear_matmul(OpTable& table) {
  table.add(
      {.domain = "", .name = "QLinearMatMul", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
