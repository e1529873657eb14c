#pragma once

#include "core/kernels/kernel_table.h"

namespace whittle::simd128 {

// Each overrides its fields of the table.
void fill_gemm(KernelTable& table);
void fill_sparse(KernelTable& table);
void fill_dwconv(KernelTable& table);
void fill_qgemm(KernelTable& table);
void fill_unary(KernelTable& table);
void fill_binary(KernelTable& table);
void fill_softmax(KernelTable& table);
void fill_norm(KernelTable& table);
void fill_reduce(KernelTable& table);
void fill_pool(KernelTable& table);
void fill_qpool(KernelTable& table);
void fill_quantize(KernelTable& table);
void fill_layout(KernelTable& table);

}  // namespace whittle::simd128
