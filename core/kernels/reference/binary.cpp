// out[o, i] = f(a[o, i], b[o, i]) with the broadcasting strides of BinaryShape.

#include <cmath>

#include "core/kernels/reference/reference.h"

namespace whittle::reference {
namespace {

template <typename F>
void each(const float* a, const float* b, float* out, const BinaryShape& s, F f) {
  for (size_t o = 0; o < s.outer; ++o) {
    for (size_t i = 0; i < s.inner; ++i) {
      out[o * s.out_outer + i] =
          f(a[o * s.a_outer + i * s.a_inner], b[o * s.b_outer + i * s.b_inner]);
    }
  }
}

#define WHITTLE_REFERENCE_BINARY(name, formula)                                          \
  void name##_kernel(const float* a, const float* b, float* out, const BinaryShape& s) { \
    each(a, b, out, s, [](float x, float y) -> float { return formula; });               \
  }

WHITTLE_REFERENCE_BINARY(add, x + y)
WHITTLE_REFERENCE_BINARY(sub, x - y)
WHITTLE_REFERENCE_BINARY(mul, x* y)
WHITTLE_REFERENCE_BINARY(div, x / y)
WHITTLE_REFERENCE_BINARY(min, std::isnan(x) || std::isnan(y) ? x + y : (y < x ? y : x))
WHITTLE_REFERENCE_BINARY(max, std::isnan(x) || std::isnan(y) ? x + y : (x < y ? y : x))
WHITTLE_REFERENCE_BINARY(pow, std::pow(x, y))
WHITTLE_REFERENCE_BINARY(prelu, x < 0.0f ? x * y : x)
#undef WHITTLE_REFERENCE_BINARY

}  // namespace

void fill_binary(KernelTable& table) {
  table.binary = {add_kernel, sub_kernel, mul_kernel, div_kernel,
                  min_kernel, max_kernel, pow_kernel, prelu_kernel};
}

}  // namespace whittle::reference
