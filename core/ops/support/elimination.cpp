#include "core/ops/support/elimination.h"

#include <algorithm>
#include <cmath>

namespace whittle {

int64_t square_order(const Node& node, const Shape& shape) {
  const int rank = shape.rank();
  if (rank < 2 || shape[rank - 1] != shape[rank - 2]) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected square matrices for ", node.label(),
         " but received ", to_string(shape));
  }
  return shape.back();
}

double eliminate(std::vector<double>& rows, int64_t n, int64_t columns) {
  double determinant = 1;
  const auto row = [&](int64_t r) { return rows.data() + r * columns; };
  for (int64_t p = 0; p < n; ++p) {
    int64_t best = p;
    for (int64_t r = p + 1; r < n; ++r) {
      if (std::fabs(row(r)[p]) > std::fabs(row(best)[p])) best = r;
    }
    const double pivot = row(best)[p];
    if (pivot == 0) return 0;
    if (best != p) {
      std::swap_ranges(row(p), row(p) + columns, row(best));
      determinant = -determinant;
    }
    determinant *= pivot;
    for (int64_t c = p; c < columns; ++c) row(p)[c] /= pivot;
    for (int64_t r = 0; r < n; ++r) {
      const double factor = r == p ? 0 : row(r)[p];
      if (factor == 0) continue;
      for (int64_t c = p; c < columns; ++c) row(r)[c] -= factor * row(p)[c];
    }
  }
  return determinant;
}

}  // namespace whittle
