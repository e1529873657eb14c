#include "core/kernels/simd/dwconv.h"

#include "core/kernels/relaxed/ops.h"
#include "core/kernels/relaxed/relaxed.h"

namespace whittle::relaxed {

void fill_dwconv(KernelTable& table) {
  table.dwconv_block = simd::kDwConvBlock;
  table.dwconv = simd::dwconv<Ops>;
}

}  // namespace whittle::relaxed
