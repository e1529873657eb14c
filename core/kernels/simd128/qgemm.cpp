#include "core/kernels/simd/qgemm.h"

#include "core/kernels/simd/qdwconv.h"
#include "core/kernels/simd/wide_dot.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {
namespace {

template <typename Weight>
void fill(KernelTable& table, QWeightKind kind) {
  using Unsigned = simd::WideDot<Weight, false>;
  using Signed = simd::WideDot<Weight, true>;
  using UnsignedDepthwise = simd::WideDepthwise<Weight, false>;
  using SignedDepthwise = simd::WideDepthwise<Weight, true>;
  const size_t i = static_cast<size_t>(kind);
  table.qgemm_tile[i] = simd::qgemm_tile<Unsigned>();
  table.qgemm[i] = simd::qgemm<Unsigned, Signed>;
  table.qconv[i] = simd::qconv<Unsigned, Signed>;
  table.qdwconv_tile[i] = DwTile{simd::kQDwConvBlock, UnsignedDepthwise::kGroup};
  table.qdwconv[i] = simd::qdwconv<UnsignedDepthwise, SignedDepthwise>;
}

}  // namespace

void fill_qgemm(KernelTable& table) {
  fill<int8_t>(table, QWeightKind::s8);
  fill<int16_t>(table, QWeightKind::s16);
}

}  // namespace whittle::simd128
