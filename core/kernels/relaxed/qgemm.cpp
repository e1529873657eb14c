#include "core/kernels/simd/qgemm.h"

#include "core/kernels/relaxed/quad_depthwise.h"
#include "core/kernels/relaxed/quad_dot.h"
#include "core/kernels/relaxed/relaxed.h"

namespace whittle::relaxed {
namespace {

template <bool kUnsigned>
void fill(KernelTable& table) {
  using Unsigned = QuadDot<kUnsigned, false>;
  using Signed = QuadDot<kUnsigned, true>;
  const size_t i = static_cast<size_t>(QWeightKind::s8);
  table.qgemm_tile[i] = simd::qgemm_tile<Unsigned>();
  table.qgemm[i] = simd::qgemm<Unsigned, Signed>;
  table.qconv[i] = simd::qconv<Unsigned, Signed>;
  using UnsignedDepthwise = QuadDepthwise<kUnsigned, false>;
  using SignedDepthwise = QuadDepthwise<kUnsigned, true>;
  table.qdwconv_tile[i] = DwTile{simd::kQDwConvBlock, UnsignedDepthwise::kGroup};
  table.qdwconv[i] = simd::qdwconv<UnsignedDepthwise, SignedDepthwise>;
}

}  // namespace

void fill_qgemm(KernelTable& table, RelaxedDotBehaviour behaviour) {
  switch (behaviour) {
    case RelaxedDotBehaviour::unsigned_exact:
      return fill<true>(table);
    case RelaxedDotBehaviour::signed_exact:
      return fill<false>(table);
    case RelaxedDotBehaviour::saturating:
      return;  // the 16-bit products of simd128 stay: splitting A in two costs as much
  }
}

}  // namespace whittle::relaxed
