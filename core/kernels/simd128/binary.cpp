#include "core/kernels/simd/binary.h"

#include "core/kernels/simd128/simd128.h"

namespace whittle::simd128 {

void fill_binary(KernelTable& table) {
  const auto set = [&](BinaryKind kind, BinaryFn fn) {
    table.binary[static_cast<size_t>(kind)] = fn;
  };
  set(BinaryKind::add, simd::binary<simd::Add>);
  set(BinaryKind::sub, simd::binary<simd::Sub>);
  set(BinaryKind::mul, simd::binary<simd::Mul>);
  set(BinaryKind::div, simd::binary<simd::Div>);
  set(BinaryKind::min, simd::binary<simd::Min>);
  set(BinaryKind::max, simd::binary<simd::Max>);
  set(BinaryKind::prelu, simd::binary<simd::Prelu>);
}

}  // namespace whittle::simd128
