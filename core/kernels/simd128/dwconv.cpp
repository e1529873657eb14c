#include "core/kernels/simd/dwconv.h"

#include "core/kernels/simd/ops.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {

void fill_dwconv(KernelTable& table) {
  table.dwconv_block = simd::kDwConvBlock;
  table.dwconv = simd::dwconv<Ops>;
}

}  // namespace whittle::simd128
