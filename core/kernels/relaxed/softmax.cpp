#include "core/kernels/simd/softmax.h"

#include "core/kernels/relaxed/ops.h"
#include "core/kernels/relaxed/relaxed.h"

namespace whittle::relaxed {

void fill_softmax(KernelTable& table) {
  table.softmax = simd::softmax<Ops>;
  table.log_softmax = simd::log_softmax<Ops>;
}

}  // namespace whittle::relaxed
