#include "core/ops/support/convert.h"
#include "core/ops/support/elimination.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// y[.., n, n] = inverse of x[.., n, n], in double; throws INVALID_DATA for a singular one
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const int64_t n = square_order(node, x.shape());
  Tensor& y = context.output(0, x.dtype(), x.shape());
  std::vector<double> rows(static_cast<size_t>(2 * n * n));
  for (int64_t first = 0; first < x.elements(); first += n * n) {
    std::fill(rows.begin(), rows.end(), 0.0);
    for (int64_t r = 0; r < n; ++r) {
      load_block(x, first + r * n, 1, n, rows.data() + r * 2 * n);
      rows[static_cast<size_t>(r * 2 * n + n + r)] = 1;
    }
    if (eliminate(rows, n, 2 * n) == 0) {
      fail(Code::INVALID_DATA, node.label(), "Expected an invertible matrix for ", node.label(),
           " but received a singular one");
    }
    for (int64_t r = 0; r < n; ++r) store_block(y, first + r * n, 1, n, &rows[(r * 2 + 1) * n]);
  }
}

}  // namespace

void register_ms_inverse(OpTable& table) {
  table.add(
      {.domain = "com.microsoft", .name = "Inverse", .infer = infer_same, .evaluate = evaluate});
}

}  // namespace whittle
