#pragma once

#include <cstdint>
#include <vector>

#include "core/ops/support/window.h"

namespace whittle {

/**
 * One axis of a transposed convolution seen from the outputs at position = phase (mod stride): they
 * receive only from the taps residue, residue + stride, ..., and neighbouring ones (stride apart)
 * read neighbouring inputs. So they are an ordinary convolution at stride 1 with those taps in
 * reverse order.
 */
struct Phase {
  int64_t first = 0;    // output position of the first one
  int64_t count = 0;    // how many outputs
  int64_t residue = 0;  // smallest tap
  int64_t taps = 0;
  int64_t input = 0;  // input position of the last tap (reverse order: the first read is
                      // input - (taps - 1)) for the first output
};

/** The phases of an axis with dilation 1, those without outputs left out. */
std::vector<Phase> phases_of(const WindowAxis& axis);

/** Where a window at the first input `start` (may be negative) lies in an axis of `size` inputs:
 * elements to skip and padding in front. */
struct PhaseStart {
  int64_t skip = 0;
  int64_t pad = 0;
};
PhaseStart phase_start(int64_t start, int64_t size);

/** Moves the taps of a phase of a weight [c, n, ky, kx] to [tap][c][n], taps in reverse order.
 * `h`, `v` are the axes, `element` the bytes of a weight. */
std::vector<std::byte> phase_weights(const std::byte* w, size_t c, size_t n, const WindowAxis& h,
                                     const WindowAxis& v, const Phase& y, const Phase& x,
                                     size_t element);

}  // namespace whittle
