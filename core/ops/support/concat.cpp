#include "core/ops/support/concat.h"

#include "core/ops/support/walk.h"

namespace whittle {

void concat_into_output(EvalContext& context, std::span<const Tensor> parts, int axis) {
  const Node& node = context.node();
  const Tensor& first = parts[0];
  Shape shape = first.shape();
  for (const Tensor& next : parts.subspan(1)) {
    Shape aligned = next.shape();
    if (aligned.rank() == shape.rank()) aligned[axis] = shape[axis];
    if (aligned != shape || next.dtype() != first.dtype()) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected inputs that agree except along axis ",
           axis, " for ", node.label(), " but received ", to_string(first.shape()), " and ",
           to_string(next.shape()));
    }
    shape[axis] = checked_add(shape[axis], next.shape()[axis], "Concat");
  }
  Tensor& y = context.output(0, first.dtype(), shape);
  View to = view_of(shape);
  for (const Tensor& part : parts) {
    copy_view(y, to, part, view_of(part.shape()), part.shape());
    to.offset += part.shape()[axis] * to.strides[axis];
  }
}

}  // namespace whittle
