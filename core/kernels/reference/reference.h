#pragma once

// The specification of every kernel as plain loops; contracts are in kernel_table.h. These are the
// fallback and the oracle of the tests: never optimise them.

#include "core/kernels/kernel_table.h"

namespace whittle::reference {

// Each fills its fields of the table.
void fill_gemm(KernelTable& table);
void fill_sparse(KernelTable& table);
void fill_qgemm(KernelTable& table);
void fill_dwconv(KernelTable& table);
void fill_unary(KernelTable& table);
void fill_binary(KernelTable& table);
void fill_quantize(KernelTable& table);
void fill_rows(KernelTable& table);
void fill_reduce(KernelTable& table);
void fill_pool(KernelTable& table);
void fill_layout(KernelTable& table);

}  // namespace whittle::reference
