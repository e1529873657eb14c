#include "core/kernels/simd/gemm.h"

#include "core/kernels/simd/ops.h"
#include "core/kernels/simd/pack_b.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {

void fill_gemm(KernelTable& table) {
  table.gemm_tile = simd::gemm_tile<Ops>();
  table.gemm = {simd::gemm<Ops, WeightKind::f32>, simd::gemm<Ops, WeightKind::f16>,
                simd::gemm<Ops, WeightKind::s8>, simd::gemm<Ops, WeightKind::code4>,
                simd::gemm<Ops, WeightKind::code8>};
  table.conv = {simd::conv<Ops, WeightKind::f32>, simd::conv<Ops, WeightKind::f16>,
                simd::conv<Ops, WeightKind::s8>, simd::conv<Ops, WeightKind::code4>,
                simd::conv<Ops, WeightKind::code8>};
  table.pack_b = simd::pack_b;  // the tiers' tiles differ in rows only
}

}  // namespace whittle::simd128
