// C[m, n] = epilogue(bias[n] + sum over the k with a weight of A[m, k] * W[k, n]).

#include "core/kernels/reference/reference.h"
#include "core/kernels/reference/scalar.h"
#include "core/kernels/sparse_layout.h"

namespace whittle::reference {
namespace {

void sparse_gemm(const GemmArgs& args, IndexRange rows, IndexRange cols) {
  const SparseLayout layout(args.packed, args.n);
  for (size_t m = rows.begin; m < rows.end; ++m) {
    const float* const a = args.a + m * args.lda;
    for (size_t n = cols.begin; n < cols.end; ++n) {
      float acc = layout.bias(n);
      for (const SparseElement* w = layout.begin(n); w != layout.end(n); ++w) {
        acc += a[w->offset] * w->value;
      }
      args.c[m * args.ldc + n] = finish(args.epilogue, acc, m, n);
    }
  }
}

}  // namespace

void fill_sparse(KernelTable& table) {
  table.sparse_block = 1;
  table.sparse_gemm = sparse_gemm;
}

}  // namespace whittle::reference
