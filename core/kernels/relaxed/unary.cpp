#include "core/kernels/simd/unary.h"

#include "core/kernels/relaxed/ops.h"
#include "core/kernels/relaxed/relaxed.h"

namespace whittle::relaxed {

void fill_unary(KernelTable& table) {
  simd::fill_transcendental<Ops>(table);
}

}  // namespace whittle::relaxed
