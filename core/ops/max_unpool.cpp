#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"
#include "core/ops/support/window.h"

namespace whittle {
namespace {

// What MaxPool had as its input: (input - 1) * stride + kernel - pad_begin - pad_end along each
// axis.
Dims unpooled_dims(const Node& node, const Dims& x) {
  const WindowAttributes window = window_attributes(node, node.ints_attribute("kernel_shape"));
  if (window.rank() + 2 != x.size()) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected an input of two more dimensions than attribute 'kernel_shape' for ",
         node.label(), " but received ", to_string(x));
  }
  Dims out{x[0], x[1]};
  for (size_t i = 0; i < window.rank(); ++i) {
    const Dim& in = x[i + 2];
    const int64_t pads = window.pads_begin[i] + window.pads_end[i];
    const int64_t size = (in.value - 1) * window.strides[i] + window.kernel[i] - pads;
    out.push_back(in.known() ? Dim(std::max<int64_t>(0, size)) : Dim{});
  }
  return out;
}

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  std::optional<Dims> dims;
  if (const auto stated = context.integers(2)) {
    dims = Dims(stated->begin(), stated->end());
  } else if (context.dims(0)) {
    dims = context.has_input(2) ? unknown_dims(rank_of(*context.dims(0)))
                                : unpooled_dims(context.node(), *context.dims(0));
  }
  context.set_output(0, context.dtype(0), dims);
}

// y is 0 but for y[indices[i]] = x[i], the indices counting in the flat tensor of the unpooled
// shape. A larger output_shape puts that tensor into its corner at index 0.
//   x, indices [batch, channels, pixels..]   y [batch, channels, unpooled pixels..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor& x = context.input(0);
  if (x.dtype() != DType::f32) fail_type(x.dtype(), node);
  const Shape unpooled = *concrete(unpooled_dims(node, to_dims(x.shape())));
  Shape shape = unpooled;
  if (context.has_input(2)) shape = Shape(to_int64s(context.input(2), node.label()));
  const auto indices = context.input(1).data<int64_t>();
  if (indices.size() != x.data<float>().size() || shape.rank() != unpooled.rank()) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected an index for each value of ",
         to_string(x.shape()), " for ", node.label(), " but received ",
         to_string(context.input(1).shape()), " towards ", to_string(shape));
  }
  Tensor plane = Tensor::zeros(DType::f32, unpooled);
  const auto scattered = plane.mutable_data<float>();
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= plane.elements()) {
      fail(Code::INVALID_DATA, node.label(), "Expected indices in [0,", plane.elements(), ") for ",
           node.label(), " but received ", indices[i]);
    }
    scattered[static_cast<size_t>(indices[i])] = x.data<float>()[i];
  }
  Tensor& y = context.output(0, DType::f32, shape);
  std::fill_n(y.mutable_raw(), y.bytes(), std::byte{0});
  Shape shared = unpooled;
  for (int axis = 0; axis < shape.rank(); ++axis)
    shared[axis] = std::min(shared[axis], shape[axis]);
  copy_view(y, view_of(shape), plane, view_of(unpooled), shared);
}

}  // namespace

void register_max_unpool(OpTable& table) {
  table.add({.domain = "", .name = "MaxUnpool", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
