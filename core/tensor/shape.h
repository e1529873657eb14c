#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/base/checked.h"

namespace whittle {

/** A concrete shape of up to kMaxRank dimensions, stored inline. */
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims) {
    for (int64_t dim : dims) push_back(dim);
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  int64_t& operator[](int axis) { return dims_[static_cast<size_t>(axis)]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  int64_t back() const { return dims_[static_cast<size_t>(rank_ - 1)]; }
  std::span<const int64_t> dims() const { return {begin(), end()}; }

  /** Throws LIMIT_EXCEEDED past kMaxRank. */
  void push_back(int64_t dim);
  /** Product of all dimensions (1 for a scalar); throws LIMIT_EXCEEDED on overflow. */
  int64_t elements() const;
  /** Product of dimensions in [first, last). */
  int64_t elements(int first, int last) const;

  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

/** "[1,3,224,224]" */
std::string to_string(const Shape& shape);

/** Maps an axis in [-rank, rank) to [0, rank); throws INVALID_GRAPH naming `where` otherwise. */
int normalize_axis(int64_t axis, int rank, const std::string& where);

/** The shape two operands broadcast to (ONNX, multidirectional); throws SHAPE_MISMATCH. */
Shape broadcast(const Shape& a, const Shape& b, const std::string& where);

/** Row-major strides in elements. */
Shape strides_of(const Shape& shape);

}  // namespace whittle
