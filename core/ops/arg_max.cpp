// ArgMax and ArgMin: the index of the extreme element along an axis.
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/lanes.h"

namespace whittle {
namespace {

bool keeps_dims(const Node& node) {
  return node.int_attribute("keepdims", 1) != 0;
}

void infer_arg(InferContext& context) {
  const Node& node = context.node();
  std::optional<Dims> result;
  if (const auto& dims = context.dims(0)) {
    const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*dims), node.label());
    result = reduced_dims(*dims, std::span(&axis, 1), keeps_dims(node));
  }
  context.set_output(0, DType::i64, std::move(result));
}

// The index of the extreme element; the first of equal ones, or with select_last_index the last.
void evaluate_arg(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const bool wants_max = node.op == "ArgMax";
  const bool wants_last = node.int_attribute("select_last_index", 0) != 0;
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const Shape shape = reduced_shape(x.shape(), std::span(&axis, 1), keeps_dims(node));
  Tensor& y = context.output(0, DType::i64, shape);
  if (x.shape()[axis] == 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected elements along axis ", axis, " for ",
         node.label(), " but received ", to_string(x.shape()));
  }
  int64_t* out = y.mutable_data<int64_t>().data();
  with_value_type(x.dtype(), [&]<typename Value>() {
    for_each_lane<Value>(x, split_at(x.shape(), axis, node), [&](const auto& values, int64_t) {
      size_t best = 0;
      for (size_t j = 1; j < values.size(); ++j) {
        const bool better =
            wants_max ? is_larger(values[j], values[best]) : is_larger(values[best], values[j]);
        if (better || (wants_last && values[j] == values[best])) best = j;
      }
      *out++ = static_cast<int64_t>(best);
    });
  });
}

}  // namespace

void register_arg_max(OpTable& table) {
  table.add({.name = "ArgMax", .infer = infer_arg, .evaluate = evaluate_arg});
  table.add({.name = "ArgMin", .infer = infer_arg, .evaluate = evaluate_arg});
}

}  // namespace whittle
