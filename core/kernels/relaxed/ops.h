#pragma once

// The relaxed tier's float operations: multiply-add in one instruction, fused where the machine
// does so.

#include "core/kernels/simd/intrinsics.h"

namespace whittle::relaxed {

struct Ops {
  // 12 accumulators, two weights and one value fill V8's 15 registers.
  static constexpr size_t kGemmRows = 6;

  static v128_t madd(v128_t a, v128_t b, v128_t c) {
#ifdef __wasm_relaxed_simd__
    return wasm_f32x4_relaxed_madd(a, b, c);
#else
    return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
#endif
  }
};

}  // namespace whittle::relaxed
