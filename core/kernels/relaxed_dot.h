#pragma once

// What an engine's i32x4.relaxed_dot_i8x16_i7x16_add_s does with a second operand above 127.

#include <cstdint>

#include "core/kernels/kernel_table.h"

namespace whittle {

enum class RelaxedDotBehaviour : uint8_t {
  unsigned_exact,  // bytes 128..255 count as 128..255, sums exact (x86 with VNNI)
  signed_exact,    // they count as -128..-1, sums exact (Arm with the dot product extension)
  saturating,      // anything else: pairs may saturate at 16 bits; only 0..127 is safe
};

// Executes the instruction on the extreme operands, in both orders. Only in relaxed builds.
RelaxedDotBehaviour probe_relaxed_dot();

// The table for an engine that behaves so; relaxed_kernels() is the one for the probed behaviour.
KernelTable make_relaxed_kernels(RelaxedDotBehaviour behaviour);

#ifndef __wasm__
// Native builds model the instruction; tests choose what it does. Starts as unsigned_exact.
void set_modelled_relaxed_dot(RelaxedDotBehaviour behaviour);
#endif

}  // namespace whittle
