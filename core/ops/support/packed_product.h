#pragma once

#include "core/base/thread_pool.h"
#include "core/kernels/kernel_table.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** The product with one matrix B, packed here for kernels that must outlive it. */
class PackedProduct {
 public:
  /** B(i, j) = b[i * stride_k + j * stride_n] for i < k, j < n; one of the strides is 1. */
  PackedProduct(const KernelTable& kernels, const float* b, int64_t stride_k, int64_t stride_n,
                int64_t k, int64_t n);
  /** c[rows, n] = a[rows, k] B, row strides lda and ldc. */
  void run(const float* a, int64_t lda, float* c, int64_t ldc, int64_t rows) const;
  /** The same, rows shared out to a pool. */
  void run(ThreadPool& pool, const float* a, int64_t lda, float* c, int64_t ldc,
           int64_t rows) const;

 private:
  const KernelTable& kernels_;
  Tensor packed_;
  size_t k_;
  size_t n_;
};

}  // namespace whittle
