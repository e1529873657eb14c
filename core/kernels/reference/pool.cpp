// Pooling over NHWC windows; taps outside the image are skipped.

#include <cmath>

#include "core/kernels/pooling.h"
#include "core/kernels/reference/reference.h"
#include "core/kernels/reference/scalar.h"

namespace whittle::reference {
namespace {

// Calls visit(element offset of the pixel) for every tap inside the image.
template <typename Visit>
void for_each_tap(const ConvShape& s, size_t oy, size_t ox, Visit visit) {
  for (size_t ky = 0; ky < s.kernel_h; ++ky) {
    for (size_t kx = 0; kx < s.kernel_w; ++kx) {
      size_t offset = 0;
      if (tap_offset(s, oy, ox, ky, kx, &offset)) visit(offset);
    }
  }
}

// Calls fill(oy, ox, c, output index) for every output value of the rows.
template <typename Fill>
void for_each_output(const ConvShape& s, size_t ldc, IndexRange out_rows, Fill fill) {
  for (size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
    for (size_t ox = 0; ox < s.out_w; ++ox) {
      for (size_t c = 0; c < s.kc; ++c) fill(oy, ox, c, (oy * s.out_w + ox) * ldc + c);
    }
  }
}

void max_pool(const ConvShape& s, const float* x, float* y, size_t ldc, IndexRange out_rows) {
  for_each_output(s, ldc, out_rows, [&](size_t oy, size_t ox, size_t c, size_t index) {
    float best = -__builtin_inff();
    for_each_tap(s, oy, ox, [&](size_t offset) {
      const float v = x[offset + c];
      if (v > best || std::isnan(v)) best = v;
    });
    y[index] = best;
  });
}

void avg_pool(const ConvShape& s, const AvgPoolParams& params, const float* x, float* y, size_t ldc,
              IndexRange out_rows) {
  for_each_output(s, ldc, out_rows, [&](size_t oy, size_t ox, size_t c, size_t index) {
    double sum = 0.0;
    for_each_tap(s, oy, ox, [&](size_t offset) { sum += x[offset + c]; });
    y[index] = static_cast<float>(sum / static_cast<double>(avg_pool_divisor(s, params, oy, ox)));
  });
}

void global_avg_pool(const float* x, size_t ldx, size_t pixels, float* y, IndexRange channels) {
  for (size_t c = channels.begin; c < channels.end; ++c) {
    double sum = 0.0;
    for (size_t p = 0; p < pixels; ++p) sum += x[p * ldx + c];
    y[c] = static_cast<float>(sum / static_cast<double>(pixels));
  }
}

void qmax_pool(const ConvShape& s, bool is_signed, const void* x, void* y, size_t ldc,
               IndexRange out_rows) {
  for_each_output(s, ldc, out_rows, [&](size_t oy, size_t ox, size_t c, size_t index) {
    int32_t best = is_signed ? -128 : 0;
    for_each_tap(s, oy, ox, [&](size_t offset) {
      const int32_t v = read_byte(x, is_signed, offset + c);
      best = v > best ? v : best;
    });
    write_byte(y, index, best);
  });
}

int32_t average(int32_t centred_sum, size_t divisor, const QuantParams& in,
                const QuantParams& out) {
  const float multiplier = in.scale / out.scale / static_cast<float>(divisor);
  const int32_t qmin = out.is_signed ? -128 : 0;
  return quantize_rounded(static_cast<float>(centred_sum) * multiplier, out.zero_point, qmin,
                          qmin + 255);
}

void qavg_pool(const ConvShape& s, const AvgPoolParams& params, const QuantParams& in,
               const QuantParams& out, const void* x, void* y, size_t ldc, IndexRange out_rows) {
  for_each_output(s, ldc, out_rows, [&](size_t oy, size_t ox, size_t c, size_t index) {
    int32_t sum = 0;
    for_each_tap(s, oy, ox, [&](size_t offset) {
      sum += read_byte(x, in.is_signed, offset + c) - in.zero_point;
    });
    write_byte(y, index, average(sum, avg_pool_divisor(s, params, oy, ox), in, out));
  });
}

void qglobal_avg_pool(const void* x, size_t ldx, size_t pixels, const QuantParams& in,
                      const QuantParams& out, void* y, IndexRange channels) {
  for (size_t c = channels.begin; c < channels.end; ++c) {
    int32_t sum = 0;
    for (size_t p = 0; p < pixels; ++p) {
      sum += read_byte(x, in.is_signed, p * ldx + c) - in.zero_point;
    }
    write_byte(y, c, average(sum, pixels, in, out));
  }
}

}  // namespace

void fill_pool(KernelTable& table) {
  table.max_pool = max_pool;
  table.avg_pool = avg_pool;
  table.global_avg_pool = global_avg_pool;
  table.qmax_pool = qmax_pool;
  table.qavg_pool = qavg_pool;
  table.qglobal_avg_pool = qglobal_avg_pool;
}

}  // namespace whittle::reference
