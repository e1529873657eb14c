#include "core/kernels/simd/sparse.h"

#include "core/kernels/relaxed/ops.h"
#include "core/kernels/relaxed/relaxed.h"

namespace whittle::relaxed {

void fill_sparse(KernelTable& table) {
  table.sparse_block = simd::kSparseBlock;
  table.sparse_gemm = simd::sparse_gemm<Ops>;
}

}  // namespace whittle::relaxed
