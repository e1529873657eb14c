#include "core/ops/support/pool_geometry.h"

namespace whittle {
namespace {

WindowAttributes attributes_of(const Node& node, size_t x_rank) {
  std::vector<int64_t> kernel = node.ints_attribute("kernel_shape");
  if (kernel.empty() || x_rank != kernel.size() + 2) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected an input of two more dimensions than attribute 'kernel_shape' for ",
         node.label(), " but received rank ", x_rank, " and ", kernel.size(), " taps");
  }
  WindowAttributes made = window_attributes(node, std::move(kernel));
  for (size_t i = 0; i < made.rank(); ++i) {
    const int64_t extent = (made.kernel[i] - 1) * made.dilations[i] + 1;
    if (made.pads_begin[i] < extent && made.pads_end[i] < extent) continue;
    fail(Code::INVALID_GRAPH, node.label(), "Expected attribute 'pads' below the window's extent ",
         extent, " for ", node.label(), " but received ", made.pads_begin[i], " and ",
         made.pads_end[i]);
  }
  return made;
}

}  // namespace

Shape PoolGeometry::output_shape() const {
  Shape shape{batch, channels};
  for (const WindowAxis& axis : axes) shape.push_back(axis.output);
  return shape;
}

PoolGeometry pool_geometry(const Node& node, const Shape& x) {
  const WindowAttributes window = attributes_of(node, static_cast<size_t>(x.rank()));
  PoolGeometry made;
  made.batch = x[0];
  made.channels = x[1];
  for (size_t i = 0; i < window.rank(); ++i) {
    made.axes.push_back(resolve_axis(window, i, x[static_cast<int>(i) + 2], node.label()));
  }
  return made;
}

std::optional<Dims> pool_dims(const Node& node, const std::optional<Dims>& x) {
  if (!x) return std::nullopt;
  const WindowAttributes window = attributes_of(node, x->size());
  Dims out{(*x)[0], (*x)[1]};
  for (size_t i = 0; i < window.rank(); ++i) {
    out.push_back(output_dim(window, i, (*x)[i + 2], node.label()));
  }
  return out;
}

std::optional<Dims> global_pool_dims(const Node& node, const std::optional<Dims>& x) {
  if (!x) return std::nullopt;
  if (x->size() < 3) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected an input of rank 3 or more for ",
         node.label(), " but received rank ", x->size());
  }
  Dims out(x->size(), Dim(1));
  out[0] = (*x)[0];
  out[1] = (*x)[1];
  return out;
}

}  // namespace whittle
