// Transposes, number formats and the blend of linear resizing.

#include "core/base/half.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/narrow_panels.h"
#include "core/kernels/simd/transpose.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {
namespace {

void transpose32(const uint32_t* x, size_t ldx, size_t cols, uint32_t* y, size_t ldy,
                 IndexRange rows) {
  size_t r = rows.begin;
  for (; r + 4 <= rows.end; r += 4) {
    const uint32_t* const source = x + r * ldx;
    size_t c = 0;
    for (; c + 4 <= cols; c += 4) {
      v128_t v[4];
      for (size_t i = 0; i < 4; ++i) v[i] = wasm_v128_load(source + i * ldx + c);
      simd::transpose4x4(v);
      for (size_t i = 0; i < 4; ++i) wasm_v128_store(y + (c + i) * ldy + r, v[i]);
    }
    for (; c < cols; ++c) {
      for (size_t i = 0; i < 4; ++i) y[c * ldy + r + i] = source[i * ldx + c];
    }
  }
  for (; r < rows.end; ++r) {
    for (size_t c = 0; c < cols; ++c) y[c * ldy + r] = x[r * ldx + c];
  }
}

void transpose8(const uint8_t* x, size_t ldx, size_t cols, uint8_t* y, size_t ldy,
                IndexRange rows) {
  size_t r = rows.begin;
  for (; r + 8 <= rows.end; r += 8) {
    const uint8_t* const source = x + r * ldx;
    size_t c = 0;
    for (; c + 8 <= cols; c += 8) {
      v128_t v[4];
      simd::load_transposed8x8(source + c, ldx, v);
      for (size_t i = 0; i < 4; ++i) {
        wasm_v128_store64_lane(y + (c + 2 * i) * ldy + r, v[i], 0);
        wasm_v128_store64_lane(y + (c + 2 * i + 1) * ldy + r, v[i], 1);
      }
    }
    for (; c < cols; ++c) {
      for (size_t i = 0; i < 8; ++i) y[c * ldy + r + i] = source[i * ldx + c];
    }
  }
  for (; r < rows.end; ++r) {
    for (size_t c = 0; c < cols; ++c) y[c * ldy + r] = x[r * ldx + c];
  }
}

void widen(const uint16_t* x, float* y, size_t n) {
  const simd::HalfWidener half;
  for (; n >= 8; n -= 8, x += 8, y += 8) {
    const v128_t bits = wasm_v128_load(x);
    wasm_v128_store(y, half.widen(wasm_i32x4_extend_low_i16x8(bits)));
    wasm_v128_store(y + 4, half.widen(wasm_i32x4_extend_high_i16x8(bits)));
  }
  for (; n > 0; --n) *y++ = half_to_float(*x++);
}

// The steps of float_to_half (base/half.h) on 4 lanes, each result in a 32-bit lane.
v128_t narrow4(v128_t v) {
  const v128_t magnitude = wasm_v128_and(v, wasm_i32x4_splat(0x7fffffff));
  const v128_t sign = wasm_v128_and(wasm_u32x4_shr(v, 16), wasm_i32x4_splat(0x8000));
  const v128_t odd = wasm_v128_and(wasm_u32x4_shr(magnitude, 13), wasm_i32x4_splat(1));
  const v128_t normal = wasm_u32x4_shr(
      wasm_i32x4_add(wasm_i32x4_add(magnitude, odd), wasm_i32x4_splat(0xfff - 0x38000000)), 13);
  const v128_t subnormal = wasm_i32x4_sub(wasm_f32x4_add(magnitude, wasm_f32x4_splat(0.5f)),
                                          wasm_i32x4_splat(0x3f000000));
  const auto above = [&](int32_t limit) {
    return wasm_i32x4_gt(magnitude, wasm_i32x4_splat(limit));
  };
  v128_t r = wasm_v128_bitselect(normal, subnormal, above(0x387fffff));
  r = wasm_v128_bitselect(wasm_i32x4_splat(0x7c00), r, above(0x477fefff));
  r = wasm_v128_bitselect(wasm_i32x4_splat(0x7e00), r, above(0x7f800000));
  return wasm_v128_or(r, sign);
}

void narrow(const float* x, uint16_t* y, size_t n) {
  for (; n >= 8; n -= 8, x += 8, y += 8) {
    wasm_v128_store(
        y, wasm_u16x8_narrow_i32x4(narrow4(wasm_v128_load(x)), narrow4(wasm_v128_load(x + 4))));
  }
  for (; n > 0; --n) *y++ = float_to_half(*x++);
}

void resize_linear_row(const ResizeRowArgs& args, float* y) {
  const v128_t fy = simd::kept_f32(args.fy);
  for (size_t ox = 0; ox < args.out_w; ++ox, y += args.channels) {
    const size_t left = args.left[ox] * args.channels;
    const size_t right = args.right[ox] * args.channels;
    const v128_t t = wasm_f32x4_splat(args.fx[ox]);
    for (size_t c = 0; c < args.channels; c += 4) {
      const size_t count = args.channels - c < 4 ? args.channels - c : 4;
      const auto blend = [&](const float* row) {
        const v128_t a = simd::load_partial(row + left + c, count);
        const v128_t b = simd::load_partial(row + right + c, count);
        return wasm_f32x4_add(a, wasm_f32x4_mul(wasm_f32x4_sub(b, a), t));
      };
      const v128_t top = blend(args.row0);
      const v128_t bottom = blend(args.row1);
      simd::store_partial(
          y + c, wasm_f32x4_add(top, wasm_f32x4_mul(wasm_f32x4_sub(bottom, top), fy)), count);
    }
  }
}

}  // namespace

void fill_layout(KernelTable& table) {
  table.transpose32 = transpose32;
  table.transpose8 = transpose8;
  table.half_to_float = widen;
  table.float_to_half = narrow;
  table.resize_linear_row = resize_linear_row;
}

}  // namespace whittle::simd128
