// The model of the relaxed dot product in builds without the instruction.

#ifndef __wasm__

#include <algorithm>

#include "core/kernels/relaxed/dot_instruction.h"

namespace whittle {
namespace {

RelaxedDotBehaviour modelled = RelaxedDotBehaviour::unsigned_exact;

}  // namespace

void set_modelled_relaxed_dot(RelaxedDotBehaviour behaviour) {
  modelled = behaviour;
}

namespace relaxed {

v128_t relaxed_dot(v128_t a, v128_t b, v128_t acc) {
  int8_t x[16];
  uint8_t y[16];
  int32_t sums[4];
  wasm_v128_store(x, a);
  wasm_v128_store(y, b);
  wasm_v128_store(sums, acc);
  for (int lane = 0; lane < 4; ++lane) {
    int32_t pairs[2];
    for (int half = 0; half < 2; ++half) {
      const int i = lane * 4 + half * 2;
      const auto value = [&](int k) -> int32_t {
        return modelled == RelaxedDotBehaviour::signed_exact ? static_cast<int8_t>(y[k]) : y[k];
      };
      pairs[half] = x[i] * value(i) + x[i + 1] * value(i + 1);
      if (modelled == RelaxedDotBehaviour::saturating) {
        pairs[half] = std::clamp(pairs[half], -32768, 32767);
      }
    }
    // Unsigned: sums wrap around as in the instruction.
    sums[lane] = static_cast<int32_t>(static_cast<uint32_t>(sums[lane]) +
                                      static_cast<uint32_t>(pairs[0] + pairs[1]));
  }
  return wasm_v128_load(sums);
}

}  // namespace relaxed
}  // namespace whittle

#endif
