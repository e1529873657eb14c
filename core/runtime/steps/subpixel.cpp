#include "core/runtime/steps/subpixel.h"

#include <algorithm>
#include <cstring>

namespace whittle {

std::vector<Phase> phases_of(const WindowAxis& axis) {
  std::vector<Phase> phases;
  for (int64_t p = 0; p < axis.stride && p < axis.output; ++p) {
    Phase phase;
    phase.first = p;
    phase.count = (axis.output - p + axis.stride - 1) / axis.stride;
    phase.residue = (p + axis.pad_begin) % axis.stride;
    phase.taps = phase.residue < axis.kernel
                     ? (axis.kernel - phase.residue + axis.stride - 1) / axis.stride
                     : 0;
    phase.input = (p + axis.pad_begin - phase.residue) / axis.stride;
    phases.push_back(phase);
  }
  return phases;
}

PhaseStart phase_start(int64_t start, int64_t size) {
  return start >= 0 ? PhaseStart{std::min(start, size), 0} : PhaseStart{0, -start};
}

std::vector<std::byte> phase_weights(const std::byte* w, size_t c, size_t n, const WindowAxis& h,
                                     const WindowAxis& v, const Phase& y, const Phase& x,
                                     size_t element) {
  const auto all = static_cast<size_t>(h.kernel * v.kernel);
  std::vector<std::byte> moved(static_cast<size_t>(y.taps * x.taps) * c * n * element);
  size_t at = 0;
  for (int64_t ty = y.taps; ty-- > 0;) {
    for (int64_t tx = x.taps; tx-- > 0;) {
      const auto tap =
          static_cast<size_t>((y.residue + ty * h.stride) * v.kernel + x.residue + tx * v.stride);
      for (size_t i = 0; i < c * n; ++i) {
        std::memcpy(&moved[at], w + (i * all + tap) * element, element);
        at += element;
      }
    }
  }
  return moved;
}

}  // namespace whittle
