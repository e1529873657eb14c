#include "core/kernels/reference/reference.h"

namespace whittle {

const KernelTable& reference_kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.tier = Tier::reference;
    reference::fill_gemm(t);
    reference::fill_sparse(t);
    reference::fill_qgemm(t);
    reference::fill_dwconv(t);
    reference::fill_unary(t);
    reference::fill_binary(t);
    reference::fill_quantize(t);
    reference::fill_rows(t);
    reference::fill_reduce(t);
    reference::fill_pool(t);
    reference::fill_layout(t);
    return t;
  }();
  return table;
}

}  // namespace whittle
