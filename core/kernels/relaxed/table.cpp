#include "core/kernels/relaxed/relaxed.h"

namespace whittle {

KernelTable make_relaxed_kernels(RelaxedDotBehaviour behaviour) {
  KernelTable t = simd128_kernels();
  t.tier = Tier::relaxed;
  relaxed::fill_gemm(t);
  relaxed::fill_sparse(t);
  relaxed::fill_dwconv(t);
  relaxed::fill_qgemm(t, behaviour);
  relaxed::fill_unary(t);
  relaxed::fill_softmax(t);
  return t;
}

const KernelTable& relaxed_kernels() {
  static const KernelTable table = make_relaxed_kernels(probe_relaxed_dot());
  return table;
}

}  // namespace whittle
