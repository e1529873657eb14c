#pragma once

#include <vector>

#include "core/ops/support/matmul_geometry.h"

namespace whittle {

/** Where an integer matrix operand and its zero point are among a node's inputs. */
struct IntegerOperand {
  size_t values = 0;
  size_t zero_point = 0;
};

/** An integer matrix product, exact modulo 2^32. */
struct IntegerProduct {
  MatMulGeometry geometry;
  std::vector<uint32_t> sums;  // [batch.., m, n]
};

/** (a - a_zero_point) (b - b_zero_point). Zero points are scalars or have one element for each row
 * of a, each column of b (of every matrix, or of each). Throws SHAPE_MISMATCH, UNSUPPORTED_TYPE. */
IntegerProduct multiply_integers(const EvalContext& context, IntegerOperand a, IntegerOperand b);
/** The same for an a (i32) that is no input, its zero point taken off already. */
IntegerProduct multiply_integers(const EvalContext& context, const Tensor& a, IntegerOperand b);

}  // namespace whittle
