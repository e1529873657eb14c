#pragma once

// Epilogues of the integer kernels: 8 int32 sums of a row become stored values. See QOutput.

#include <cstddef>
#include <cstdint>

#include "core/kernels/kernel_table.h"
#include "core/kernels/simd/epilogue.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

// The first n of 8 bytes, 0 < n; touches no others.
inline v128_t load_bytes(const void* p, size_t n) {
  if (n >= 8) return wasm_v128_load64_zero(p);
  const uint8_t* const bytes = static_cast<const uint8_t*>(p);
  uint64_t word = 0;
  for (size_t i = 0; i < n; ++i) word |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return wasm_i64x2_make(static_cast<int64_t>(word), 0);
}

inline void store_bytes(void* p, v128_t v, size_t n) {
  if (n >= 8) {
    wasm_v128_store64_lane(p, v, 0);
    return;
  }
  uint64_t word = static_cast<uint64_t>(wasm_i64x2_extract_lane(v, 0));
  uint8_t* const bytes = static_cast<uint8_t*>(p);
  for (size_t i = 0; i < n; ++i, word >>= 8) bytes[i] = static_cast<uint8_t>(word);
}

// clamp(round_half_even(v) + zero_point, qmin, qmax) as the bytes of u8 or s8.
class Requantizer {
 public:
  Requantizer(int32_t zero_point, int32_t qmin, int32_t qmax)
      : low_(kept_f32(static_cast<float>(qmin - zero_point))),
        high_(kept_f32(static_cast<float>(qmax - zero_point))),
        magic_(kept_f32(kMagic)),
        offset_(kept_i32(kMagicBits - zero_point)),
        byte_(keep(wasm_i16x8_splat(0xff))) {}

  // Clamping first keeps |v| below 2^22, where adding 1.5 * 2^23 rounds half to even and leaves the
  // integer in the low bits. The order of operands turns NaN into the lower bound.
  v128_t to_i32(v128_t v) const {
    v = wasm_f32x4_pmax(low_, v);
    v = wasm_f32x4_pmin(high_, v);
    return wasm_i32x4_sub(wasm_f32x4_add(v, magic_), offset_);
  }
  // 8 bytes in the low half; only the low 8 bits of each value count, signed or not.
  v128_t to_bytes(v128_t v0, v128_t v1) const {
    const v128_t words = wasm_i16x8_narrow_i32x4(to_i32(v0), to_i32(v1));
    const v128_t masked = wasm_v128_and(words, byte_);
    return wasm_u8x16_narrow_i16x8(masked, masked);
  }

 private:
  static constexpr float kMagic = 12582912.0f;
  static constexpr int32_t kMagicBits = 0x4b400000;

  v128_t low_;
  v128_t high_;
  v128_t magic_;
  v128_t offset_;
  v128_t byte_;
};

// Where the sums of one call go.
class QStore {
 public:
  QStore(const QEpilogue& epilogue, void* c, size_t ldc)
      : output_(epilogue.output),
        requantizer_(epilogue.out_zero_point, epilogue.qmin, epilogue.qmax),
        a_scale_(kept_f32(epilogue.a_scale)),
        floats_(epilogue.float_epilogue, static_cast<float*>(c), ldc),
        c_(static_cast<char*>(c)),
        ldc_(ldc) {}

  // Rows of 8 sums at columns col .. col + 8 of which `count` exist; scale: [8] scale, [8] fbias.
  template <size_t kRows>
  void store_tile(size_t row, size_t col, size_t count, const float* scale,
                  const v128_t (&acc)[kRows][2]) const {
    const v128_t scale0 = wasm_v128_load(scale);
    const v128_t scale1 = wasm_v128_load(scale + 4);
    switch (output_) {
      case QOutput::u8:
      case QOutput::s8:
        WHITTLE_UNROLL
        for (size_t i = 0; i < kRows; ++i) {
          const v128_t v0 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc[i][0]), scale0);
          const v128_t v1 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc[i][1]), scale1);
          store_bytes(c_ + (row + i) * ldc_ + col, requantizer_.to_bytes(v0, v1), count);
        }
        return;
      case QOutput::f32: {
        const v128_t factor0 = wasm_f32x4_mul(a_scale_, scale0);
        const v128_t factor1 = wasm_f32x4_mul(a_scale_, scale1);
        const v128_t bias0 = wasm_v128_load(scale + 8);
        const v128_t bias1 = wasm_v128_load(scale + 12);
        WHITTLE_UNROLL
        for (size_t i = 0; i < kRows; ++i) {
          const v128_t v0 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc[i][0]), factor0);
          const v128_t v1 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc[i][1]), factor1);
          floats_.store8(row + i, col, count, wasm_f32x4_add(v0, bias0), wasm_f32x4_add(v1, bias1));
        }
        return;
      }
      case QOutput::i32:
        WHITTLE_UNROLL
        for (size_t i = 0; i < kRows; ++i) {
          // The lanes are only moved: float stores carry integers unchanged.
          float* const out = reinterpret_cast<float*>(c_) + (row + i) * ldc_ + col;
          store_partial(out, acc[i][0], count < 4 ? count : 4);
          if (count > 4) store_partial(out + 4, acc[i][1], count < 8 ? count - 4 : 4);
        }
        return;
    }
  }

 private:
  QOutput output_;
  Requantizer requantizer_;
  v128_t a_scale_;
  EpilogueStore floats_;
  char* c_;
  size_t ldc_;
};

// bias - zero_point * column sum for 8 columns of a packed header ([8] bias, [8] sum, ...).
inline void start_sums(const int32_t* header, v128_t zero_point, v128_t* a0, v128_t* a1) {
  *a0 = wasm_i32x4_sub(wasm_v128_load(header),
                       wasm_i32x4_mul(wasm_v128_load(header + 8), zero_point));
  *a1 = wasm_i32x4_sub(wasm_v128_load(header + 4),
                       wasm_i32x4_mul(wasm_v128_load(header + 12), zero_point));
}

}  // namespace whittle::simd
