#pragma once

#include <span>

#include "core/base/thread_pool.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** Row-major strides of `from` seen as the larger shape `to`: 0 along the axes it broadcasts.
 * Throws SHAPE_MISMATCH when it does not broadcast to it. */
Shape broadcast_strides(const Shape& from, const Shape& to);

/** Drops axes of extent 1 and merges neighbours that every operand walks as one axis: the same
 * elements in the same order by fewer, longer rows. The rank stays at least 1. */
void collapse_axes(Shape& shape, std::span<Shape> strides);

/**
 * Calls row(offsets) for every position over all axes but the last, in row-major order;
 * offsets[k] = position . strides[k] in elements. The caller walks the last axis itself, with step
 * strides[k].back(). The rank must be at least 1 (collapse_axes sees to that). Nothing is called
 * when an extent is 0.
 */
void for_each_row(const Shape& shape, std::span<const Shape> strides,
                  FunctionRef<void(const int64_t* offsets)> row);

/** Elements at offset + position . strides, in elements; strides may be zero or negative. */
struct View {
  int64_t offset = 0;
  Shape strides;
};

/** The view that walks a whole tensor of that shape. */
View view_of(const Shape& shape);

/** out[to(p)] = in[from(p)] for every position p of `shape`. Works on element size, for every type:
 * strings and packed types too. */
void copy_view(Tensor& out, const View& to, const Tensor& in, const View& from, const Shape& shape);

/** out[out_index + i] = in[in_index + i] for i in [0, count), for every type. */
void copy_elements(Tensor& out, int64_t out_index, const Tensor& in, int64_t in_index,
                   int64_t count);

/** Writes element `index` of a packed tensor; only as many low bits of `value` are used. */
void set_packed_element(Tensor& tensor, int64_t index, int value);

}  // namespace whittle
