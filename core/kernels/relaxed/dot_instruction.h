#pragma once

// i32x4.relaxed_dot_i8x16_i7x16_add_s, and natively a model of it whose behaviour on bytes above
// 127 can be chosen, so that tests see what every engine does.

#include <cstdint>

#include "core/kernels/relaxed_dot.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::relaxed {

#ifdef __wasm_relaxed_simd__

inline v128_t relaxed_dot(v128_t a, v128_t b, v128_t acc) {
  return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, b, acc);
}

#else

v128_t relaxed_dot(v128_t a, v128_t b, v128_t acc);

#endif

}  // namespace whittle::relaxed
