// Range: start, start + delta, ... up to but without limit.
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** Number of elements of Range: max(ceil((limit - start) / delta), 0). */
int64_t range_length(const Node& node, const Tensor& start, const Tensor& limit,
                     const Tensor& delta) {
  double values[3];
  int i = 0;
  for (const Tensor* scalar : {&start, &limit, &delta}) {
    if (scalar->elements() != 1) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected scalars for ", node.label(),
           " but received ", to_string(scalar->shape()));
    }
    load_block(*scalar, 0, 1, 1, &values[i++]);
  }
  const double length = std::ceil((values[1] - values[0]) / values[2]);
  constexpr double kMost = 1 << 30;
  if (!(length <= kMost)) {
    fail(Code::LIMIT_EXCEEDED, node.label(), "Expected at most ", kMost, " elements for ",
         node.label(), " but received ", length);
  }
  return length > 0 ? static_cast<int64_t>(length) : 0;
}

void infer_range(InferContext& context) {
  Dims dims = unknown_dims(1);
  const Tensor& start = context.input(0).constant;
  const Tensor& limit = context.input(1).constant;
  const Tensor& delta = context.input(2).constant;
  if (start.defined() && limit.defined() && delta.defined()) {
    dims[0] = range_length(context.node(), start, limit, delta);
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// y[i] = start + i * delta
void evaluate_range(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const int64_t length = range_length(node, context.input(0), context.input(1), context.input(2));
  const DType dtype = context.input(0).dtype();
  Tensor& y = context.output(0, dtype, {length});
  with_value_type(dtype, [&]<typename Value>() {
    Value start{};
    Value delta{};
    load_block(context.input(0), 0, 1, 1, &start);
    load_block(context.input(2), 0, 1, 1, &delta);
    for (int64_t i = 0; i < length; ++i) {
      const Value value = start + static_cast<Value>(i) * delta;
      store_block(y, i, 1, 1, &value);
    }
  });
}

}  // namespace

void register_range(OpTable& table) {
  table.add({.name = "Range", .infer = infer_range, .evaluate = evaluate_range});
}

}  // namespace whittle
