#pragma once

#include <cstddef>

#include "core/base/thread_pool.h"
#include "core/kernels/kernel_table.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** A matrix in memory: element (i, j) is data[i * row_stride + j * column_stride]. */
struct MatrixView {
  const float* data = nullptr;
  size_t row_stride = 0;
  size_t column_stride = 1;
};

/** Products of run-time matrices by the kernels that run models, with the memory they need. */
class Products {
 public:
  Products(const KernelTable& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  /**
   * C[m, n] = A[m, k] B[k, n], or C += with `add`. A has columns beside each other, B has rows or
   * columns beside each other (one stride is 1). Rows of C are ldc apart. The same bits for any
   * number of threads.
   */
  void multiply(MatrixView a, MatrixView b, float* c, size_t ldc, size_t m, size_t n, size_t k,
                bool add = false);
  /** The upper triangle (and a little below it) of C[n, n] += X^T X; X^T is [n, k], rows `ld`
   * apart. */
  void add_gram(const float* transposed, size_t ld, float* c, size_t n, size_t k);

  ThreadPool& pool() const { return pool_; }

 private:
  void pack(MatrixView b, size_t n, size_t k);
  void run(MatrixView a, float* c, size_t ldc, size_t m, size_t n, size_t k, bool add, bool upper);

  const KernelTable& kernels_;
  ThreadPool& pool_;
  Tensor packed_;
  Tensor scratch_;  // one block per thread
};

}  // namespace whittle
