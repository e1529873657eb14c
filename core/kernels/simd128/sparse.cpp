#include "core/kernels/simd/sparse.h"

#include "core/kernels/simd/ops.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {

void fill_sparse(KernelTable& table) {
  table.sparse_block = simd::kSparseBlock;
  table.sparse_gemm = simd::sparse_gemm<Ops>;
}

}  // namespace whittle::simd128
