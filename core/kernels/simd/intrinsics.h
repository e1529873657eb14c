#pragma once

// One name for 128-bit SIMD everywhere: wasm's own intrinsics in a wasm build, SIMDe's portable
// versions of the same names natively, so that the kernels run under the sanitizers.

#include <cstdint>

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#else
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/wasm/simd128.h>
#endif

// For the fixed-size loops over registers of a tile: a loop left rolled would put them in memory.
#if defined(__clang__)
#define WHITTLE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WHITTLE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace whittle::simd {

// Holds a constant in a register: LLVM puts wasm constants back inside loops, and V8, which hoists
// nothing out of loops, then builds them anew in each iteration.
inline v128_t keep(v128_t v) {
#ifdef __wasm_simd128__
  asm volatile("" : "+r"(v));
#endif
  return v;
}

inline v128_t kept_f32(float value) {
  return keep(wasm_f32x4_splat(value));
}
inline v128_t kept_i32(int32_t value) {
  return keep(wasm_i32x4_splat(value));
}

}  // namespace whittle::simd
