#include "core/kernels/simd/gemm.h"

#include "core/kernels/relaxed/ops.h"
#include "core/kernels/relaxed/relaxed.h"

namespace whittle::relaxed {

void fill_gemm(KernelTable& table) {
  table.gemm_tile = simd::gemm_tile<Ops>();
  table.gemm = {simd::gemm<Ops, WeightKind::f32>, simd::gemm<Ops, WeightKind::f16>,
                simd::gemm<Ops, WeightKind::s8>, simd::gemm<Ops, WeightKind::code4>,
                simd::gemm<Ops, WeightKind::code8>};
  table.conv = {simd::conv<Ops, WeightKind::f32>, simd::conv<Ops, WeightKind::f16>,
                simd::conv<Ops, WeightKind::s8>, simd::conv<Ops, WeightKind::code4>,
                simd::conv<Ops, WeightKind::code8>};
}

}  // namespace whittle::relaxed
