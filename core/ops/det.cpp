// Det: determinants of square matrices.
#include "core/ops/support/convert.h"
#include "core/ops/support/elimination.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  std::optional<Dims> dims = context.dims(0);
  if (dims && dims->size() >= 2) dims->resize(dims->size() - 2);
  context.set_output(0, context.dtype(0), std::move(dims));
}

// y[..] = determinant of x[.., n, n], in double
void evaluate(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  const int64_t n = square_order(context.node(), x.shape());
  const Shape shape(x.shape().dims().first(static_cast<size_t>(x.shape().rank() - 2)));
  Tensor& y = context.output(0, x.dtype(), shape);
  std::vector<double> matrix(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < y.elements(); ++i) {
    load_block(x, i * n * n, 1, n * n, matrix.data());
    const double determinant = eliminate(matrix, n, n);
    store_block(y, i, 1, 1, &determinant);
  }
}

}  // namespace

void register_det(OpTable& table) {
  table.add({.name = "Det", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
