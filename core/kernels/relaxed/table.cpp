#include "core/kernels/relaxed/relaxed.h"

namespace whittle {

const KernelTable& relaxed_kernels() {
  static const KernelTable table = [] {
    KernelTable t = simd128_kernels();
    t.tier = Tier::relaxed;
    relaxed::fill_gemm(t);
    relaxed::fill_dwconv(t);
    relaxed::fill_unary(t);
    relaxed::fill_softmax(t);
    return t;
  }();
  return table;
}

}  // namespace whittle
