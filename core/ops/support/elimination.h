#pragma once

#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** The order n of the square matrices in the last two axes; throws SHAPE_MISMATCH. */
int64_t square_order(const Node& node, const Shape& shape);

/** Gauss-Jordan elimination with partial pivoting of the row-major [n, columns] matrix `rows`, in
 * place: its first n columns become the identity. Returns their determinant; stops and returns 0
 * where they are singular. */
double eliminate(std::vector<double>& rows, int64_t n, int64_t columns);

}  // namespace whittle
