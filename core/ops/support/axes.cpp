#include "core/ops/support/axes.h"

#include <algorithm>

#include "core/ops/support/walk.h"

namespace whittle {

AxisSplit split_at(const Shape& shape, int64_t axis, const Node& node) {
  const int at = normalize_axis(axis, shape.rank(), node.label());
  return {shape.elements(0, at), shape[at], shape.elements(at + 1, shape.rank())};
}

std::vector<int> normalize_axes(std::span<const int64_t> axes, int rank, const Node& node) {
  std::vector<int> result;
  for (int64_t axis : axes) result.push_back(normalize_axis(axis, rank, node.label()));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected different axes for ", node.label(),
         " but received one twice");
  }
  return result;
}

Reduction::Reduction(const Shape& shape, std::span<const int> axes) {
  const Shape strides = strides_of(shape);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool gone = std::find(axes.begin(), axes.end(), axis) != axes.end();
    (gone ? reduced : kept).push_back(shape[axis]);
    (gone ? reduced_strides : kept_strides).push_back(strides[axis]);
  }
  collapse_axes(kept, std::span(&kept_strides, 1));
  collapse_axes(reduced, std::span(&reduced_strides, 1));
}

void Reduction::for_each_kept(FunctionRef<void(int64_t k, int64_t offset)> start) const {
  int64_t k = 0;
  for_each_row(kept, std::span(&kept_strides, 1), [&](const int64_t* offset) {
    for (int64_t i = 0; i < kept.back(); ++i) start(k++, *offset + i * kept_strides.back());
  });
}

void Reduction::for_each_reduced_row(int64_t start, FunctionRef<void(int64_t offset)> row) const {
  for_each_row(reduced, std::span(&reduced_strides, 1),
               [&](const int64_t* offset) { row(start + *offset); });
}

namespace {

template <typename Dimensions>
Dimensions reduce(const Dimensions& dims, std::span<const int> axes, bool keep_dims) {
  Dimensions result;
  int axis = 0;
  for (const auto& dim : dims) {
    const bool gone = std::find(axes.begin(), axes.end(), axis++) != axes.end();
    if (!gone) result.push_back(dim);
    if (gone && keep_dims) result.push_back(1);
  }
  return result;
}

}  // namespace

Shape reduced_shape(const Shape& shape, std::span<const int> axes, bool keep_dims) {
  return reduce(shape, axes, keep_dims);
}

Dims reduced_dims(const Dims& dims, std::span<const int> axes, bool keep_dims) {
  return reduce(dims, axes, keep_dims);
}

}  // namespace whittle
