// 8-bit elementwise kernels. Signed bytes become unsigned by flipping their top bit, which moves
// the zero point by 128: one path serves both types.

#include "core/kernels/simd/intrinsics.h"
#include "core/kernels/simd/qstore.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {
namespace {

using simd::kept_f32;
using simd::kept_i32;
using simd::load_bytes;

void quantize(const float* x, void* q, size_t n, const QuantParams& p) {
  const int32_t qmin = p.is_signed ? -128 : 0;
  const simd::Requantizer requantizer(p.zero_point, qmin, qmin + 255);
  const v128_t scale = kept_f32(p.scale);
  uint8_t* out = static_cast<uint8_t*>(q);
  for (; n >= 8; n -= 8, x += 8, out += 8) {
    const v128_t v0 = wasm_f32x4_div(wasm_v128_load(x), scale);
    const v128_t v1 = wasm_f32x4_div(wasm_v128_load(x + 4), scale);
    wasm_v128_store64_lane(out, requantizer.to_bytes(v0, v1), 0);
  }
  if (n == 0) return;
  v128_t v0 = simd::load_partial(x, n < 4 ? n : 4);
  v128_t v1 = n > 4 ? simd::load_partial(x + 4, n - 4) : v0;
  v0 = wasm_f32x4_div(v0, scale);
  v1 = wasm_f32x4_div(v1, scale);
  simd::store_bytes(out, requantizer.to_bytes(v0, v1), n);
}

// Reads 8 quantized values as floats.
struct Dequantizer {
  v128_t flip;
  v128_t zero_point;  // 8 x i16
  v128_t scale;

  explicit Dequantizer(const QuantParams& p)
      : flip(simd::keep(wasm_i8x16_splat(p.is_signed ? -128 : 0))),
        zero_point(simd::keep(
            wasm_i16x8_splat(static_cast<int16_t>(p.zero_point + (p.is_signed ? 128 : 0))))),
        scale(kept_f32(p.scale)) {}

  void widen(v128_t bytes, v128_t* v0, v128_t* v1) const {
    const v128_t words =
        wasm_i16x8_sub(wasm_u16x8_extend_low_u8x16(wasm_v128_xor(bytes, flip)), zero_point);
    *v0 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(words)), scale);
    *v1 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(words)), scale);
  }
};

void dequantize(const void* q, float* x, size_t n, const QuantParams& p) {
  const Dequantizer dequantizer(p);
  const uint8_t* in = static_cast<const uint8_t*>(q);
  v128_t v0, v1;
  for (; n >= 8; n -= 8, x += 8, in += 8) {
    dequantizer.widen(wasm_v128_load64_zero(in), &v0, &v1);
    wasm_v128_store(x, v0);
    wasm_v128_store(x + 4, v1);
  }
  if (n == 0) return;
  dequantizer.widen(load_bytes(in, n), &v0, &v1);
  simd::store_partial(x, v0, n < 4 ? n : 4);
  if (n > 4) simd::store_partial(x + 4, v1, n - 4);
}

bool min_max(const float* x, size_t n, float* min, float* max) {
  v128_t low = wasm_f32x4_splat(0.0f);
  v128_t high = low;
  v128_t low1 = low;
  v128_t high1 = low;
  v128_t unordered = wasm_i32x4_splat(0);
  // pmin and pmax keep their first operand when the second is NaN.
  for (; n >= 8; n -= 8, x += 8) {
    const v128_t v0 = wasm_v128_load(x);
    const v128_t v1 = wasm_v128_load(x + 4);
    unordered = wasm_v128_or(unordered, wasm_v128_or(wasm_f32x4_ne(v0, v0), wasm_f32x4_ne(v1, v1)));
    low = wasm_f32x4_pmin(low, v0);
    high = wasm_f32x4_pmax(high, v0);
    low1 = wasm_f32x4_pmin(low1, v1);
    high1 = wasm_f32x4_pmax(high1, v1);
  }
  for (; n > 0; --n, ++x) {
    const v128_t v = wasm_v128_load32_splat(x);
    unordered = wasm_v128_or(unordered, wasm_f32x4_ne(v, v));
    low = wasm_f32x4_pmin(low, v);
    high = wasm_f32x4_pmax(high, v);
  }
  low = wasm_f32x4_pmin(low, low1);
  high = wasm_f32x4_pmax(high, high1);
  low = wasm_f32x4_pmin(low, wasm_i32x4_shuffle(low, low, 2, 3, 0, 1));
  high = wasm_f32x4_pmax(high, wasm_i32x4_shuffle(high, high, 2, 3, 0, 1));
  low = wasm_f32x4_pmin(low, wasm_i32x4_shuffle(low, low, 1, 0, 3, 2));
  high = wasm_f32x4_pmax(high, wasm_i32x4_shuffle(high, high, 1, 0, 3, 2));
  *min = wasm_f32x4_extract_lane(low, 0);
  *max = wasm_f32x4_extract_lane(high, 0);
  return !wasm_v128_any_true(unordered);
}

// One operand of a row: bytes that move, or one value repeated.
template <bool kRepeated>
struct Operand {
  const uint8_t* p;
  v128_t value;

  Operand(const uint8_t* row, const Dequantizer& dequantizer) : p(row) {
    if constexpr (kRepeated) {
      v128_t other;
      dequantizer.widen(wasm_i8x16_splat(static_cast<int8_t>(*row)), &value, &other);
    }
  }
  void load(const Dequantizer& dequantizer, size_t i, size_t n, v128_t* v0, v128_t* v1) const {
    if constexpr (kRepeated) {
      *v0 = *v1 = value;
    } else {
      dequantizer.widen(load_bytes(p + i, n), v0, v1);
    }
  }
};

template <QBinaryKind kind, bool kRepeatA, bool kRepeatB>
void qbinary_rows(const uint8_t* a, const uint8_t* b, uint8_t* out, const BinaryShape& s,
                  const QBinaryParams& p) {
  const Dequantizer read_a(p.a);
  const Dequantizer read_b(p.b);
  const simd::Requantizer requantizer(p.out.zero_point, p.qmin, p.qmax);
  const v128_t scale = kept_f32(p.out.scale);
  for (size_t o = 0; o < s.outer; ++o) {
    const Operand<kRepeatA> x(a + o * s.a_outer, read_a);
    const Operand<kRepeatB> y(b + o * s.b_outer, read_b);
    for (size_t i = 0; i < s.inner; i += 8) {
      const size_t n = s.inner - i;
      v128_t x0, x1, y0, y1;
      x.load(read_a, i, n, &x0, &x1);
      y.load(read_b, i, n, &y0, &y1);
      const bool add = kind == QBinaryKind::add;
      const v128_t v0 = add ? wasm_f32x4_add(x0, y0) : wasm_f32x4_mul(x0, y0);
      const v128_t v1 = add ? wasm_f32x4_add(x1, y1) : wasm_f32x4_mul(x1, y1);
      simd::store_bytes(out + o * s.out_outer + i,
                        requantizer.to_bytes(wasm_f32x4_div(v0, scale), wasm_f32x4_div(v1, scale)),
                        n);
    }
  }
}

template <QBinaryKind kind>
void qbinary(const void* a, const void* b, void* out, const BinaryShape& s,
             const QBinaryParams& p) {
  if (s.inner == 0) return;
  const uint8_t* const x = static_cast<const uint8_t*>(a);
  const uint8_t* const y = static_cast<const uint8_t*>(b);
  uint8_t* const z = static_cast<uint8_t*>(out);
  if (s.a_inner && s.b_inner) return qbinary_rows<kind, false, false>(x, y, z, s, p);
  if (s.a_inner) return qbinary_rows<kind, false, true>(x, y, z, s, p);
  if (s.b_inner) return qbinary_rows<kind, true, false>(x, y, z, s, p);
  qbinary_rows<kind, true, true>(x, y, z, s, p);
}

}  // namespace

void fill_quantize(KernelTable& table) {
  table.quantize = quantize;
  table.dequantize = dequantize;
  table.min_max = min_max;
  table.qbinary = {qbinary<QBinaryKind::add>, qbinary<QBinaryKind::mul>};
}

}  // namespace whittle::simd128
