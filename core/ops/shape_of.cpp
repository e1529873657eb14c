// Shape and Size: known as soon as the dimensions are.
#include <algorithm>
#include <vector>

#include "core/ops/support/infer.h"

namespace whittle {
namespace {

struct Range {
  int first;
  int last;
};

/** The axes [start, end) that Shape reports, clamped to the rank. */
Range reported_axes(const Node& node, int rank) {
  const auto clamped = [rank](int64_t axis) {
    return static_cast<int>(std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank));
  };
  const int first = clamped(node.int_attribute("start", 0));
  const int last = clamped(node.int_attribute("end", rank));
  return {first, std::max(first, last)};
}

void infer_shape(InferContext& context) {
  if (!context.dims(0)) {
    context.set_output(0, DType::i64, unknown_dims(1));
    return;
  }
  const Dims& dims = *context.dims(0);
  const auto [first, last] = reported_axes(context.node(), rank_of(dims));
  const Dims part(dims.begin() + first, dims.begin() + last);
  context.set_output(0, DType::i64, Dims{rank_of(part)});
  if (const auto shape = concrete(part)) {
    context.outputs()[0].constant = Tensor::of<int64_t>({shape->rank()}, shape->dims());
  }
}

void evaluate_shape(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Shape& shape = context.input(0).shape();
  const auto [first, last] = reported_axes(context.node(), shape.rank());
  Tensor& y = context.output(0, DType::i64, {last - first});
  std::copy(shape.begin() + first, shape.begin() + last, y.mutable_data<int64_t>().begin());
}

void infer_size(InferContext& context) {
  context.set_output(0, DType::i64, Dims{});
  const auto shape = context.dims(0) ? concrete(*context.dims(0)) : std::nullopt;
  if (shape) context.outputs()[0].constant = Tensor::scalar<int64_t>(shape->elements());
}

void evaluate_size(EvalContext& context) {
  require_inputs(context.node(), 1);
  Tensor& y = context.output(0, DType::i64, Shape{});
  y.mutable_data<int64_t>()[0] = context.input(0).elements();
}

}  // namespace

void register_shape_of(OpTable& table) {
  table.add({.name = "Shape", .infer = infer_shape, .evaluate = evaluate_shape});
  table.add({.name = "Size", .infer = infer_size, .evaluate = evaluate_size});
}

}  // namespace whittle
