#include "core/tensor/shape.h"

#include <algorithm>

namespace whittle {

void Shape::push_back(int64_t dim) {
  if (rank_ == kMaxRank) {
    fail(Code::LIMIT_EXCEEDED, "", "Expected at most ", kMaxRank, " dimensions but received more");
  }
  dims_[static_cast<size_t>(rank_++)] = dim;
}

int64_t Shape::elements() const {
  return elements(0, rank_);
}

int64_t Shape::elements(int first, int last) const {
  int64_t product = 1;
  for (int i = first; i < last; ++i) product = checked_mul(product, (*this)[i], "a shape");
  return product;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

int normalize_axis(int64_t axis, int rank, const std::string& where) {
  if (axis < -rank || axis >= rank) {
    fail(Code::INVALID_GRAPH, where, "Expected an axis in [", -rank, ",", rank - 1, "] for ", where,
         " but received ", axis);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape broadcast(const Shape& a, const Shape& b, const std::string& where) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank());
    const int ib = i - (rank - b.rank());
    const int64_t da = ia < 0 ? 1 : a[ia];
    const int64_t db = ib < 0 ? 1 : b[ib];
    if (da != db && da != 1 && db != 1) {
      fail(Code::SHAPE_MISMATCH, where, "Expected shapes that broadcast for ", where,
           " but received ", to_string(a), " and ", to_string(b));
    }
    result.push_back(da == 1 ? db : da);
  }
  return result;
}

Shape strides_of(const Shape& shape) {
  Shape strides = shape;
  int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

}  // namespace whittle
