#pragma once

// Panels whose weights are codes into a table (WeightKind::code4, code8), widened to float a few
// rows at a time. One table of 16 floats for all columns is looked up by swizzle, byte by byte.

#include <cstddef>
#include <cstdint>

#include "core/kernels/code_layout.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle::simd {

// 16 floats as four vectors: bytes 0, 1, 2 and 3 of each.
struct BytePlanes {
  v128_t plane[4];

  BytePlanes() = default;
  explicit BytePlanes(const float* table) {
    const v128_t t0 = wasm_v128_load(table);
    const v128_t t1 = wasm_v128_load(table + 4);
    const v128_t t2 = wasm_v128_load(table + 8);
    const v128_t t3 = wasm_v128_load(table + 12);
    const v128_t a = even_bytes(t0, t1);
    const v128_t b = odd_bytes(t0, t1);
    const v128_t c = even_bytes(t2, t3);
    const v128_t d = odd_bytes(t2, t3);
    plane[0] = low_halves(a, c);
    plane[1] = high_halves(a, c);
    plane[2] = low_halves(b, d);
    plane[3] = high_halves(b, d);
  }

  // The floats of 16 codes under 16, in order.
  void look_up(v128_t codes, v128_t out[4]) const {
    const v128_t b0 = wasm_i8x16_swizzle(plane[0], codes);
    const v128_t b1 = wasm_i8x16_swizzle(plane[1], codes);
    const v128_t b2 = wasm_i8x16_swizzle(plane[2], codes);
    const v128_t b3 = wasm_i8x16_swizzle(plane[3], codes);
    const v128_t low01 = zip_low8(b0, b1);
    const v128_t high01 = zip_high8(b0, b1);
    const v128_t low23 = zip_low8(b2, b3);
    const v128_t high23 = zip_high8(b2, b3);
    out[0] = zip_low16(low01, low23);
    out[1] = zip_high16(low01, low23);
    out[2] = zip_low16(high01, high23);
    out[3] = zip_high16(high01, high23);
  }

 private:
  // Bytes 0 of eight floats, then bytes 1; and 2, then 3.
  static v128_t even_bytes(v128_t x, v128_t y) {
    return wasm_i8x16_shuffle(x, y, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  }
  static v128_t odd_bytes(v128_t x, v128_t y) {
    return wasm_i8x16_shuffle(x, y, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  }
  static v128_t low_halves(v128_t x, v128_t y) { return wasm_i64x2_shuffle(x, y, 0, 2); }
  static v128_t high_halves(v128_t x, v128_t y) { return wasm_i64x2_shuffle(x, y, 1, 3); }
  static v128_t zip_low8(v128_t x, v128_t y) {
    return wasm_i8x16_shuffle(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  static v128_t zip_high8(v128_t x, v128_t y) {
    return wasm_i8x16_shuffle(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
  static v128_t zip_low16(v128_t x, v128_t y) {
    return wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
  }
  static v128_t zip_high16(v128_t x, v128_t y) {
    return wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
  }
};

// Scales and zero points of a run; an identity for most palettes.
struct RunAffine {
  v128_t scale[2];
  v128_t zero[2];
  bool identity;

  explicit RunAffine(const char* run) {
    const float* const scales = reinterpret_cast<const float*>(run);
    const v128_t points = wasm_v128_load(run + 8 * sizeof(float));
    scale[0] = wasm_v128_load(scales);
    scale[1] = wasm_v128_load(scales + 4);
    zero[0] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(points));
    zero[1] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(points));
    const v128_t one = wasm_f32x4_splat(1.0f);
    const v128_t differs = wasm_v128_or(
        wasm_v128_or(wasm_f32x4_ne(scale[0], one), wasm_f32x4_ne(scale[1], one)), points);
    identity = !wasm_v128_any_true(differs);
  }
  v128_t apply(v128_t value, size_t half) const {
    return wasm_f32x4_mul(wasm_f32x4_sub(value, zero[half]), scale[half]);
  }
};

template <WeightKind kind>
class CodePanel {
 public:
  static constexpr size_t kColumns = 8;

  CodePanel() = default;
  CodePanel(const char* panel, const CodeLayout& layout, const float* table)
      : panel_(panel),
        layout_(&layout),
        table_(table),
        firsts_(reinterpret_cast<const int32_t*>(panel) + kColumns) {
    if constexpr (kind == WeightKind::code4) {
      for (size_t j = 1; j < kColumns; ++j) one_table_ = one_table_ && firsts_[j] == firsts_[0];
      if (one_table_) planes_ = BytePlanes(table + firsts_[0]);
    }
  }

  const float* bias() const { return reinterpret_cast<const float*>(panel_); }

  // Rows [row, row + count) of a run as [count][8] floats; row is a multiple of kCodeRows. Up to
  // kCodeRows - 1 rows more are written.
  void widen(size_t tap, size_t run, size_t row, size_t count, float* out) const {
    const char* const at = panel_ + layout_->run_at(tap, run);
    const RunAffine affine(at);
    const uint8_t* const codes =
        reinterpret_cast<const uint8_t*>(at + layout_->run_header_bytes()) +
        layout_->byte_of(row, 0);
    if constexpr (kind == WeightKind::code4) {
      if (!one_table_) return widen_nibbles_apart(codes, affine, count, out);
      if (affine.identity) return widen_nibbles<true>(codes, affine, count, out);
      return widen_nibbles<false>(codes, affine, count, out);
    } else {
      if (table_ == nullptr) return widen_integers(codes, affine, count, out);
      return widen_bytes(codes, affine, count, out);
    }
  }

 private:
  template <bool kIdentity>
  void widen_nibbles(const uint8_t* codes, const RunAffine& affine, size_t count,
                     float* out) const {
    const v128_t mask = keep(wasm_i8x16_splat(15));
    const BytePlanes planes = planes_;
    for (size_t row = 0; row < count; row += kCodeRows, codes += 16) {
      const v128_t both = wasm_v128_load(codes);
      const v128_t nibbles[2] = {wasm_v128_and(both, mask), wasm_u8x16_shr(both, 4)};
      WHITTLE_UNROLL
      for (size_t half = 0; half < 2; ++half) {
        v128_t w[4];
        planes.look_up(nibbles[half], w);
        WHITTLE_UNROLL
        for (size_t i = 0; i < 4; ++i, out += 4) {
          wasm_v128_store(out, kIdentity ? w[i] : affine.apply(w[i], i % 2));
        }
      }
    }
  }

  // Columns of several codebooks.
  void widen_nibbles_apart(const uint8_t* codes, const RunAffine& affine, size_t count,
                           float* out) const {
    for (size_t row = 0; row < count; row += kCodeRows, codes += 16) {
      for (size_t r = 0; r < kCodeRows; ++r, out += kColumns) {
        const uint8_t* const bytes = codes + r % 2 * kColumns;
        const int shift = CodeLayout::in_high_nibble(r) ? 4 : 0;
        for (size_t j = 0; j < kColumns; ++j)
          out[j] = table_[firsts_[j] + (bytes[j] >> shift & 15)];
        store_affine(affine, out);
      }
    }
  }

  void widen_bytes(const uint8_t* codes, const RunAffine& affine, size_t count, float* out) const {
    for (size_t row = 0; row < count; ++row, codes += kColumns, out += kColumns) {
      for (size_t j = 0; j < kColumns; ++j) out[j] = table_[firsts_[j] + codes[j]];
      store_affine(affine, out);
    }
  }

  void widen_integers(const uint8_t* codes, const RunAffine& affine, size_t count,
                      float* out) const {
    for (size_t row = 0; row < count; ++row, codes += kColumns, out += kColumns) {
      const v128_t q = wasm_i16x8_load8x8(codes);
      const v128_t low = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(q));
      const v128_t high = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(q));
      wasm_v128_store(out, affine.apply(low, 0));
      wasm_v128_store(out + 4, affine.apply(high, 1));
    }
  }

  static void store_affine(const RunAffine& affine, float* out) {
    if (affine.identity) return;
    wasm_v128_store(out, affine.apply(wasm_v128_load(out), 0));
    wasm_v128_store(out + 4, affine.apply(wasm_v128_load(out + 4), 1));
  }

  const char* panel_ = nullptr;
  const CodeLayout* layout_ = nullptr;
  const float* table_ = nullptr;
  const int32_t* firsts_ = nullptr;
  bool one_table_ = true;
  BytePlanes planes_;
};

}  // namespace whittle::simd
