// Where: z = condition ? x : y, all three broadcast; for every element type.
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_where(InferContext& context) {
  context.set_output(0, context.dtype(1), broadcast_inputs(context));
}

void evaluate_where(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor& condition = context.input(0);
  const Tensor* const choices[] = {&context.input(2), &context.input(1)};
  if (condition.dtype() != DType::boolean || choices[0]->dtype() != choices[1]->dtype()) {
    fail(Code::TYPE_MISMATCH, node.label(),
         "Expected a bool condition and two tensors of one type for ", node.label(),
         " but received ", dtype_name(condition.dtype()), ", ", dtype_name(choices[1]->dtype()),
         " and ", dtype_name(choices[0]->dtype()));
  }
  const Shape picked = broadcast(choices[0]->shape(), choices[1]->shape(), node.label());
  Shape shape = broadcast(condition.shape(), picked, node.label());
  Tensor& z = context.output(0, choices[0]->dtype(), shape);
  Shape strides[] = {broadcast_strides(choices[0]->shape(), shape),
                     broadcast_strides(choices[1]->shape(), shape),
                     broadcast_strides(condition.shape(), shape)};
  collapse_axes(shape, strides);
  int64_t out = 0;
  for_each_row(shape, strides, [&](const int64_t* offsets) {
    for (int64_t i = 0; i < shape.back(); ++i) {
      const bool chosen = condition.raw()[offsets[2] + i * strides[2].back()] != std::byte{0};
      copy_elements(z, out++, *choices[chosen], offsets[chosen] + i * strides[chosen].back(), 1);
    }
  });
}

}  // namespace

void register_where(OpTable& table) {
  table.add({.name = "Where",
             .infer = infer_where,
             .evaluate = evaluate_where,
             .traits = Trait::elementwise});
}

}  // namespace whittle
