// CumSum: running sums along an axis.
#include <algorithm>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// y[j] = sum of x[i], i <= j; exclusive: i < j; reverse: from the other end.
void evaluate_cum_sum(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const bool exclusive = node.int_attribute("exclusive", 0) != 0;
  const bool reverse = node.int_attribute("reverse", 0) != 0;
  const AxisSplit split = split_at(x.shape(), require_integer(node, context.input(1)), node);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  with_value_type(x.dtype(), [&]<typename Value>() {
    std::vector<Value> values(static_cast<size_t>(split.axis));
    for (int64_t lane = 0; lane < split.outer * split.inner; ++lane) {
      const int64_t first = lane / split.inner * split.axis * split.inner + lane % split.inner;
      load_block(x, first, split.inner, split.axis, values.data());
      if (reverse) std::reverse(values.begin(), values.end());
      Value total{};
      for (Value& value : values) {
        const Value before = total;
        total += value;
        value = exclusive ? before : total;
      }
      if (reverse) std::reverse(values.begin(), values.end());
      store_block(y, first, split.inner, split.axis, values.data());
    }
  });
}

}  // namespace

void register_cum_sum(OpTable& table) {
  table.add({.name = "CumSum", .infer = infer_same, .evaluate = evaluate_cum_sum});
}

}  // namespace whittle
