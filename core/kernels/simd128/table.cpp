#include "core/kernels/simd128/simd128.h"

namespace whittle {

const KernelTable& simd128_kernels() {
  static const KernelTable table = [] {
    KernelTable t = reference_kernels();
    t.tier = Tier::simd128;
    simd128::fill_gemm(t);
    simd128::fill_sparse(t);
    simd128::fill_dwconv(t);
    simd128::fill_qgemm(t);
    simd128::fill_unary(t);
    simd128::fill_binary(t);
    simd128::fill_softmax(t);
    simd128::fill_norm(t);
    simd128::fill_reduce(t);
    simd128::fill_pool(t);
    simd128::fill_qpool(t);
    simd128::fill_quantize(t);
    simd128::fill_layout(t);
    return t;
  }();
  return table;
}

}  // namespace whittle
