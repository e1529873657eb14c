// CenterCropPad: axes cut or filled with zeros around their middle to a given size.
#include <algorithm>
#include <cstring>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** The axes that change, in the order of their sizes; every axis without the attribute. */
std::vector<int> crop_axes(const Node& node, int rank, size_t sizes) {
  std::vector<int> axes;
  for (int64_t axis : node.ints_attribute("axes")) {
    axes.push_back(normalize_axis(axis, rank, node.label()));
  }
  if (!node.has("axes")) {
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  if (axes.size() != sizes) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", axes.size(), " sizes for ", node.label(),
         " but received ", sizes);
  }
  return axes;
}

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  std::optional<Dims> dims = context.dims(0);
  const auto sizes = context.integers(1);
  if (dims && !sizes) dims = unknown_dims(rank_of(*dims));
  if (dims && sizes) {
    const auto axes = crop_axes(context.node(), rank_of(*dims), sizes->size());
    for (size_t i = 0; i < axes.size(); ++i) (*dims)[static_cast<size_t>(axes[i])] = (*sizes)[i];
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// Along each axis: y is the middle of x, or x lies in the middle of y; an odd one is left over at
// the end.
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const std::vector<int64_t> sizes = to_int64s(context.input(1), node.label());
  const std::vector<int> axes = crop_axes(node, x.shape().rank(), sizes.size());
  Shape shape = x.shape();
  for (size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 0) {
      fail(Code::INVALID_DATA, node.label(), "Expected sizes of 0 or more for ", node.label(),
           " but received ", sizes[i]);
    }
    shape[axes[i]] = sizes[i];
  }
  Tensor& y = context.output(0, x.dtype(), shape);
  if (x.dtype() != DType::string) {
    std::memset(y.mutable_raw(), 0, static_cast<size_t>(y.bytes()));
  }
  View from = view_of(x.shape());
  View to = view_of(shape);
  Shape shared = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t spare = shape[axis] - x.shape()[axis];
    shared[axis] = std::min(shape[axis], x.shape()[axis]);
    from.offset += std::max<int64_t>(0, -spare) / 2 * from.strides[axis];
    to.offset += std::max<int64_t>(0, spare) / 2 * to.strides[axis];
  }
  copy_view(y, to, x, from, shared);
}

}  // namespace

void register_center_crop_pad(OpTable& table) {
  table.add(
      {.name = "CenterCropPad", .infer = infer, .evaluate = evaluate, .traits = Trait::moves_data});
}

}  // namespace whittle
