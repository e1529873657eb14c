#pragma once

// What differs between the tiers in float code. Kernels take one of these as a template parameter,
// which also keeps the instantiations of the tiers apart at link time.

#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd128 {

struct Ops {
  // Rows of the largest register tile: mul + add needs a temporary, 6 rows would spill in V8.
  static constexpr size_t kGemmRows = 4;

  static v128_t madd(v128_t a, v128_t b, v128_t c) {  // a * b + c, two roundings
    return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
  }
};

}  // namespace whittle::simd128
