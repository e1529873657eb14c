#pragma once

#include "core/kernels/kernel_table.h"

namespace whittle::simd128 {

// Each overrides its fields of the table.
void fill_gemm(KernelTable& table);
void fill_dwconv(KernelTable& table);

}  // namespace whittle::simd128
