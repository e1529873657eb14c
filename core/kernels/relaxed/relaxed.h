#pragma once

#include "core/kernels/kernel_table.h"
#include "core/kernels/relaxed_dot.h"

namespace whittle::relaxed {

// Each overrides its fields of the table.
void fill_gemm(KernelTable& table);
void fill_sparse(KernelTable& table);
void fill_dwconv(KernelTable& table);
void fill_qgemm(KernelTable& table, RelaxedDotBehaviour behaviour);
void fill_unary(KernelTable& table);
void fill_softmax(KernelTable& table);

}  // namespace whittle::relaxed
