#include "core/kernels/simd/unary.h"

#include "core/kernels/simd/ops.h"
#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {

void fill_unary(KernelTable& table) {
  using simd::set_unary;
  set_unary<simd::Abs>(table, UnaryKind::abs);
  set_unary<simd::Neg>(table, UnaryKind::neg);
  set_unary<simd::Sqrt>(table, UnaryKind::sqrt);
  set_unary<simd::Reciprocal>(table, UnaryKind::reciprocal);
  set_unary<simd::Relu>(table, UnaryKind::relu);
  set_unary<simd::LeakyRelu>(table, UnaryKind::leaky_relu);
  set_unary<simd::HardSigmoid>(table, UnaryKind::hard_sigmoid);
  set_unary<simd::HardSwish>(table, UnaryKind::hard_swish);
  set_unary<simd::Softsign>(table, UnaryKind::softsign);
  set_unary<simd::Floor>(table, UnaryKind::floor);
  set_unary<simd::Ceil>(table, UnaryKind::ceil);
  set_unary<simd::RoundHalfEven>(table, UnaryKind::round_half_even);
  set_unary<simd::Clip>(table, UnaryKind::clip);
  set_unary<simd::Square>(table, UnaryKind::square);
  simd::fill_transcendental<Ops>(table);
}

}  // namespace whittle::simd128
