#pragma once

#include <optional>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

/**
 * The sizes of a batched matrix product y = a b as numpy.matmul defines it: the last two axes are
 * matrices, axes before them broadcast, a 1-D operand is a row (left) or a column (right) whose
 * axis is dropped from y.
 */
struct MatMulGeometry {
  int64_t m = 1;
  int64_t k = 1;
  int64_t n = 1;
  Shape batch;   // broadcast batch axes; may be empty
  Shape output;  // batch, then m and n where they are not dropped
  /** For each matrix of y in order: the index of its matrix in a and in b; none when y is empty. */
  std::vector<int64_t> a_matrix;
  std::vector<int64_t> b_matrix;

  int64_t macs() const;
};

/** Throws SHAPE_MISMATCH naming the node. */
MatMulGeometry matmul_geometry(const Node& node, const Shape& a, const Shape& b);
std::optional<Dims> matmul_dims(const Node& node, const std::optional<Dims>& a,
                                const std::optional<Dims>& b);
/** MACs of the product of inputs `a` and `b`; 0 while a shape is unknown. */
Cost matmul_cost_of(const NodeFacts& facts, size_t a, size_t b);
/** For MatMul and MatMulInteger: inputs 0 and 1. */
Cost matmul_cost(const NodeFacts& facts);

/** A matrix operand as it lies in memory. */
template <typename T>
struct MatrixView {
  const T* data = nullptr;
  int64_t row_step = 0;
  int64_t column_step = 1;
};

/** y[i, j] += sum over p of a[i, p] * b[p, j] for a [m, k], b [k, n], dense y [m, n]; p ascends.
 * Instantiated for float, double, uint32_t and uint64_t (integers modulo 2^bits). */
template <typename T>
void multiply(int64_t m, int64_t k, int64_t n, MatrixView<T> a, MatrixView<T> b, T* y);

/** y = a b for dense operands of those shapes, y already holding zeros. */
template <typename T>
void multiply_batches(const MatMulGeometry& geometry, const T* a, const T* b, T* y);

}  // namespace whittle
