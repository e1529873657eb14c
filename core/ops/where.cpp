// Where: z = condition ? x : y, all three broadcast; for every element type.
#include <cstring>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_where(InferContext& context) {
  context.set_output(0, context.dtype(1), broadcast_inputs(context));
}

struct Steps {
  int64_t otherwise;
  int64_t chosen;
  int64_t condition;
};

/** One row of elements of N bytes; memcpy of a constant size is one load and one store. */
template <int64_t N>
void select_row(std::byte* out, const std::byte* otherwise, const std::byte* chosen,
                const std::byte* condition, const Steps& steps, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const bool picks = condition[i * steps.condition] != std::byte{0};
    const std::byte* from =
        picks ? chosen + i * steps.chosen * N : otherwise + i * steps.otherwise * N;
    std::memcpy(out + i * N, from, N);
  }
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
  const Steps steps{strides[0].back(), strides[1].back(), strides[2].back()};
  const int64_t count = shape.back();
  const int64_t size = dtype_bits(z.dtype()) / 8;
  int64_t out = 0;
  for_each_row(shape, strides, [&](const int64_t* offsets) {
    const std::byte* flags = condition.raw() + offsets[2];
    const auto select = [&](auto row) {
      row(z.mutable_raw() + out * size, choices[0]->raw() + offsets[0] * size,
          choices[1]->raw() + offsets[1] * size, flags, steps, count);
    };
    switch (size) {
      case 1:
        select(select_row<1>);
        break;
      case 2:
        select(select_row<2>);
        break;
      case 4:
        select(select_row<4>);
        break;
      case 8:
        select(select_row<8>);
        break;
      default:  // strings, packed and complex elements
        for (int64_t i = 0; i < count; ++i) {
          const bool picks = flags[i * steps.condition] != std::byte{0};
          const int64_t step = picks ? steps.chosen : steps.otherwise;
          copy_elements(z, out + i, *choices[picks], offsets[picks] + i * step, 1);
        }
    }
    out += count;
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
