// Trilu: the upper or lower triangle of matrices.
#include <algorithm>
#include <cstring>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

// y[..., i, j] = x where j - i >= k (upper) or j - i <= k (lower), else 0.
void evaluate_trilu(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 2);
  const bool upper = node.int_attribute("upper", 1) != 0;
  const int64_t k = context.has_input(1) ? require_integer(node, context.input(1)) : 0;
  Tensor& y = context.output(0, x.dtype(), x.shape());
  std::memset(y.mutable_raw(), 0, static_cast<size_t>(y.bytes()));
  const int64_t columns = x.shape().back();
  const int64_t rows = x.shape()[x.shape().rank() - 2];
  if (x.elements() == 0) return;
  for (int64_t r = 0; r < x.elements() / columns; ++r) {
    // Clamped first, so that no k of the int64 range overflows.
    const int64_t i = r % rows;
    const int64_t diagonal = std::clamp(k, -rows - 1, columns + 1) + i;
    const int64_t first = upper ? std::clamp<int64_t>(diagonal, 0, columns) : 0;
    const int64_t last = upper ? columns : std::clamp<int64_t>(diagonal + 1, 0, columns);
    copy_elements(y, r * columns + first, x, r * columns + first, last - first);
  }
}

}  // namespace

void register_trilu(OpTable& table) {
  table.add({.name = "Trilu", .infer = infer_same, .evaluate = evaluate_trilu});
}

}  // namespace whittle
