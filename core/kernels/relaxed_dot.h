#pragma once

// What an engine's i32x4.relaxed_dot_i8x16_i7x16_add_s does with a second operand above 127.

#include <cstdint>

namespace whittle {

enum class RelaxedDotBehaviour : uint8_t {
  unsigned_exact,  // bytes 128..255 count as 128..255, sums exact (x86 with VNNI)
  signed_exact,    // they count as -128..-1, sums exact (Arm with the dot product extension)
  saturating,      // anything else: pairs may saturate at 16 bits; only 0..127 is safe
};

// Executes the instruction on the extreme operands, in both orders. Only in relaxed builds.
RelaxedDotBehaviour probe_relaxed_dot();

}  // namespace whittle
