#include "core/kernels/simd/softmax.h"

#include "core/kernels/simd/ops.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {

void fill_softmax(KernelTable& table) {
  table.softmax = simd::softmax<Ops>;
  table.log_softmax = simd::log_softmax<Ops>;
}

}  // namespace whittle::simd128
