// 8-bit pooling, 8 channels at a time. Signed bytes become unsigned by flipping their top bit.

#include "core/kernels/pooling.h"
#include "core/kernels/simd/qstore.h"
#include "core/kernels/simd128/simd128.h"
#include "core/kernels/simd128/window_walk.h"

namespace whittle::simd128 {
namespace {

v128_t sign_flip(bool is_signed) {
  return simd::keep(wasm_i8x16_splat(is_signed ? -128 : 0));
}

void qmax_pool(const ConvShape& s, bool is_signed, const void* x, void* y, size_t ldc,
               IndexRange out_rows) {
  const v128_t flip = sign_flip(is_signed);
  const uint8_t* const in = static_cast<const uint8_t*>(x);
  uint8_t* const out = static_cast<uint8_t*>(y);
  for_each_pixel(s, ldc, out_rows,
                 [&](size_t, size_t, const TapRange& rows, const TapRange& cols, size_t index) {
                   for (size_t c = 0; c < s.kc; c += 8) {
                     v128_t best = wasm_i8x16_splat(0);
                     for_each_tap(s, rows, cols, in + c, [&](const uint8_t* p) {
                       const v128_t v = wasm_v128_xor(simd::load_bytes(p, s.kc - c), flip);
                       best = wasm_u8x16_max(best, v);
                     });
                     simd::store_bytes(out + index + c, wasm_v128_xor(best, flip), s.kc - c);
                   }
                 });
}

// Sums of 8 channels and what becomes of them.
class Average {
 public:
  Average(const QuantParams& in, const QuantParams& out)
      : flip_(sign_flip(in.is_signed)),
        zero_point_(in.zero_point + (in.is_signed ? 128 : 0)),
        ratio_(in.scale / out.scale),
        requantizer_(out.zero_point, out.is_signed ? -128 : 0, out.is_signed ? 127 : 255) {}

  void start() { sum0_ = sum1_ = wasm_i32x4_splat(0); }
  void add(const uint8_t* p, size_t count) {
    const v128_t words =
        wasm_u16x8_extend_low_u8x16(wasm_v128_xor(simd::load_bytes(p, count), flip_));
    sum0_ = wasm_i32x4_add(sum0_, wasm_u32x4_extend_low_u16x8(words));
    sum1_ = wasm_i32x4_add(sum1_, wasm_u32x4_extend_high_u16x8(words));
  }
  void store(uint8_t* out, size_t count, size_t taps, size_t divisor) const {
    const v128_t centre = wasm_i32x4_splat(static_cast<int32_t>(taps) * zero_point_);
    const v128_t m = wasm_f32x4_splat(ratio_ / static_cast<float>(divisor));
    const v128_t v0 = wasm_f32x4_convert_i32x4(wasm_i32x4_sub(sum0_, centre));
    const v128_t v1 = wasm_f32x4_convert_i32x4(wasm_i32x4_sub(sum1_, centre));
    simd::store_bytes(out, requantizer_.to_bytes(wasm_f32x4_mul(v0, m), wasm_f32x4_mul(v1, m)),
                      count);
  }

 private:
  v128_t flip_;
  int32_t zero_point_;
  float ratio_;
  simd::Requantizer requantizer_;
  v128_t sum0_;
  v128_t sum1_;
};

void qavg_pool(const ConvShape& s, const AvgPoolParams& params, const QuantParams& in,
               const QuantParams& out, const void* x, void* y, size_t ldc, IndexRange out_rows) {
  Average average(in, out);
  const uint8_t* const input = static_cast<const uint8_t*>(x);
  uint8_t* const output = static_cast<uint8_t*>(y);
  for_each_pixel(
      s, ldc, out_rows,
      [&](size_t oy, size_t ox, const TapRange& rows, const TapRange& cols, size_t index) {
        const size_t taps = (rows.end - rows.begin) * (cols.end - cols.begin);
        const size_t divisor = avg_pool_divisor(s, params, oy, ox);
        for (size_t c = 0; c < s.kc; c += 8) {
          average.start();
          for_each_tap(s, rows, cols, input + c,
                       [&](const uint8_t* p) { average.add(p, s.kc - c); });
          average.store(output + index + c, s.kc - c, taps, divisor);
        }
      });
}

void qglobal_avg_pool(const void* x, size_t ldx, size_t pixels, const QuantParams& in,
                      const QuantParams& out, void* y, IndexRange channels) {
  Average average(in, out);
  const uint8_t* const input = static_cast<const uint8_t*>(x);
  for (size_t c = channels.begin; c < channels.end; c += 8) {
    average.start();
    for (size_t p = 0; p < pixels; ++p) average.add(input + p * ldx + c, channels.end - c);
    average.store(static_cast<uint8_t*>(y) + c, channels.end - c, pixels, pixels);
  }
}

}  // namespace

void fill_qpool(KernelTable& table) {
  table.qmax_pool = qmax_pool;
  table.qavg_pool = qavg_pool;
  table.qglobal_avg_pool = qglobal_avg_pool;
}

}  // namespace whittle::simd128
