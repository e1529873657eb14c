// Concat: tensors one after another along an axis.
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_concat(InferContext& context) {
  const Node& node = context.node();
  std::optional<Dims> result;
  for (size_t i = 0; i < context.input_count(); ++i) {
    const auto& dims = context.dims(i);
    if (!dims) {
      result.reset();
      break;
    }
    if (i == 0) {
      result = dims;
      continue;
    }
    const auto axis = static_cast<size_t>(
        normalize_axis(node.int_attribute("axis", 0), rank_of(*result), node.label()));
    if (dims->size() != result->size()) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected inputs of one rank for ", node.label(),
           " but received ", to_string(*result), " and ", to_string(*dims));
    }
    for (size_t k = 0; k < dims->size(); ++k) {
      Dim& dim = (*result)[k];
      const Dim& other = (*dims)[k];
      if (k == axis) {
        dim = dim.known() && other.known() ? Dim(checked_add(dim.value, other.value, "Concat"))
                                           : Dim();
      } else if (dim.known() && other.known() && dim.value != other.value) {
        fail(Code::SHAPE_MISMATCH, node.label(), "Expected inputs that agree except along axis ",
             axis, " for ", node.label(), " but received ", to_string(*result), " and ",
             to_string(*dims));
      } else if (!dim.known()) {
        dim = other.known() || dim.symbol.empty() ? other : dim;
      }
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_concat(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& first = context.input(0);
  const int axis =
      normalize_axis(node.int_attribute("axis", 0), first.shape().rank(), node.label());
  Shape shape = first.shape();
  for (size_t i = 1; i < context.input_count(); ++i) {
    const Tensor& next = context.input(i);
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
  for (size_t i = 0; i < context.input_count(); ++i) {
    const Shape& part = context.input(i).shape();
    copy_view(y, to, context.input(i), view_of(part), part);
    to.offset += part[axis] * to.strides[axis];
  }
}

}  // namespace

void register_concat(OpTable& table) {
  table.add({.name = "Concat",
             .infer = infer_concat,
             .evaluate = evaluate_concat,
             .traits = Trait::moves_data});
}

}  // namespace whittle
