#pragma once

#include "core/kernels/kernel_table.h"

namespace whittle::relaxed {

// Each overrides its fields of the table.
void fill_gemm(KernelTable& table);
void fill_dwconv(KernelTable& table);
void fill_unary(KernelTable& table);
void fill_softmax(KernelTable& table);

}  // namespace whittle::relaxed
