#pragma once

#include <span>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** A shape seen from one axis: element (o, a, i) is at (o * axis + a) * inner + i. */
struct AxisSplit {
  int64_t outer = 1;
  int64_t axis = 1;
  int64_t inner = 1;
};
/** `axis` in [-rank, rank); throws INVALID_GRAPH naming the node. */
AxisSplit split_at(const Shape& shape, int64_t axis, const Node& node);

/** Axes brought to [0, rank), sorted; throws INVALID_GRAPH on a bad or doubled one. */
std::vector<int> normalize_axes(std::span<const int64_t> axes, int rank, const Node& node);

/** A reduction over some axes: for each position of `kept`, the elements at kept offset plus
 * reduced offset. Both shapes have rank at least 1 and are collapsed for long rows. */
struct Reduction {
  Shape kept;
  Shape kept_strides;
  Shape reduced;
  Shape reduced_strides;

  Reduction(const Shape& shape, std::span<const int> axes);
  /** Elements that go into one result. */
  int64_t count() const { return reduced.elements(); }
  /** Calls start(k, offset) for every kept position k in row-major order. */
  void for_each_kept(FunctionRef<void(int64_t k, int64_t offset)> start) const;
  /** Calls row(offset) for every row of reduced elements: `reduced.back()` of them, each
   * `reduced_strides.back()` apart. */
  void for_each_reduced_row(int64_t start, FunctionRef<void(int64_t offset)> row) const;
};

/** The shape after reducing `axes`, kept as 1 or dropped. */
Shape reduced_shape(const Shape& shape, std::span<const int> axes, bool keep_dims);
Dims reduced_dims(const Dims& dims, std::span<const int> axes, bool keep_dims);

}  // namespace whittle
