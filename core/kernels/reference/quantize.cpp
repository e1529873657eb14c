// 8-bit elementwise: q = clamp(round_half_even(x / scale) + zero_point), x = (q - zero_point) *
// scale.

#include "core/kernels/reference/reference.h"
#include "core/kernels/reference/scalar.h"

namespace whittle::reference {
namespace {

void quantize(const float* x, void* q, size_t n, const QuantParams& p) {
  const int32_t qmin = p.is_signed ? -128 : 0;
  for (size_t i = 0; i < n; ++i) {
    write_byte(q, i, quantize_rounded(x[i] / p.scale, p.zero_point, qmin, qmin + 255));
  }
}

float dequantize_one(const void* q, size_t i, const QuantParams& p) {
  return static_cast<float>(read_byte(q, p.is_signed, i) - p.zero_point) * p.scale;
}

void dequantize(const void* q, float* x, size_t n, const QuantParams& p) {
  for (size_t i = 0; i < n; ++i) x[i] = dequantize_one(q, i, p);
}

bool min_max(const float* x, size_t n, float* min, float* max) {
  float low = 0.0f;
  float high = 0.0f;
  bool numbers = true;
  for (size_t i = 0; i < n; ++i) {
    numbers = numbers && x[i] == x[i];
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  *min = low;
  *max = high;
  return numbers;
}

template <QBinaryKind kind>
void qbinary(const void* a, const void* b, void* out, const BinaryShape& s,
             const QBinaryParams& p) {
  for (size_t o = 0; o < s.outer; ++o) {
    for (size_t i = 0; i < s.inner; ++i) {
      const float x = dequantize_one(a, o * s.a_outer + i * s.a_inner, p.a);
      const float y = dequantize_one(b, o * s.b_outer + i * s.b_inner, p.b);
      const float v = kind == QBinaryKind::add ? x + y : x * y;
      write_byte(out, o * s.out_outer + i,
                 quantize_rounded(v / p.out.scale, p.out.zero_point, p.qmin, p.qmax));
    }
  }
}

void lookup(const uint8_t* x, uint8_t* y, size_t n, const uint8_t* table) {
  for (size_t i = 0; i < n; ++i) y[i] = table[x[i]];
}

}  // namespace

void fill_quantize(KernelTable& table) {
  table.quantize = quantize;
  table.dequantize = dequantize;
  table.min_max = min_max;
  table.qbinary = {qbinary<QBinaryKind::add>, qbinary<QBinaryKind::mul>};
  table.lookup = lookup;
}

}  // namespace whittle::reference
