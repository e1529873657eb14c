// CumSum and CumProd: running sums and products along an axis.
#include <algorithm>
#include <functional>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// y[j] = sum or product of x[i], i <= j; exclusive: i < j; reverse: from the other end. Of nothing
// it is `neutral`.
template <typename Combine>
void evaluate_running(EvalContext& context, int neutral) {
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
      auto total = static_cast<Value>(neutral);
      for (Value& value : values) {
        const Value before = total;
        total = Combine{}(total, value);
        value = exclusive ? before : total;
      }
      if (reverse) std::reverse(values.begin(), values.end());
      store_block(y, first, split.inner, split.axis, values.data());
    }
  });
}

void evaluate_cum_sum(EvalContext& context) {
  evaluate_running<std::plus<>>(context, 0);
}
void evaluate_cum_prod(EvalContext& context) {
  evaluate_running<std::multiplies<>>(context, 1);
}

}  // namespace

void register_cum_sum(OpTable& table) {
  table.add({.name = "CumSum", .infer = infer_same, .evaluate = evaluate_cum_sum});
  table.add({.name = "CumProd", .infer = infer_same, .evaluate = evaluate_cum_prod});
}

}  // namespace whittle
