// Finds out what this engine's relaxed dot product does with a second operand above 127.

#include <cstring>

#include "core/kernels/relaxed/dot_instruction.h"
#include "core/kernels/simd/intrinsics.h"

namespace whittle {
namespace {

// Lane 0 of the dot product of the bytes a and b, each repeated. The operands pass through memory
// the compiler cannot see through, so that the engine computes and not the compiler.
int32_t dot(int8_t a, uint8_t b, bool alternate) {
  volatile uint8_t storage[32];
  for (int i = 0; i < 16; ++i) {
    storage[i] = static_cast<uint8_t>(alternate && i % 2 ? 0 : a);
    storage[16 + i] = b;
  }
  uint8_t bytes[32];
  for (int i = 0; i < 32; ++i) bytes[i] = storage[i];
  const v128_t sum = relaxed::relaxed_dot(wasm_v128_load(bytes), wasm_v128_load(bytes + 16),
                                          wasm_i32x4_splat(1000));
  return wasm_i32x4_extract_lane(sum, 0) - 1000;
}

}  // namespace

RelaxedDotBehaviour probe_relaxed_dot() {
  // Full pairs show saturation, half-empty ones the sign; both ends of a.
  const bool is_unsigned = dot(-128, 255, false) == 4 * -128 * 255 &&
                           dot(127, 255, false) == 4 * 127 * 255 &&
                           dot(-128, 128, true) == 2 * -128 * 128;
  if (is_unsigned) return RelaxedDotBehaviour::unsigned_exact;
  const bool is_signed = dot(-128, 128, false) == 4 * 128 * 128 &&
                         dot(127, 128, false) == 4 * 127 * -128 && dot(-128, 255, true) == 2 * 128;
  return is_signed ? RelaxedDotBehaviour::signed_exact : RelaxedDotBehaviour::saturating;
}

}  // namespace whittle
