#include "core/ops/support/average_window.h"

#include <algorithm>

namespace whittle {

AverageWindow::AverageWindow(const PoolGeometry& geometry, const Node& node)
    : axes_(spatial_axes(geometry.axes, node.label())) {
  const bool include_pad = node.int_attribute("count_include_pad", 0) != 0;
  for (size_t i = 0; i < axes_.size(); ++i) {
    const WindowAxis& axis = axes_[i];
    const int64_t first = include_pad ? -axis.pad_begin : 0;
    const int64_t last = include_pad ? axis.input + axis.pad_end : axis.input;
    for (int64_t o = 0; o < axis.output; ++o) {
      int64_t count = 0;
      for (int64_t tap = 0; tap < axis.kernel; ++tap) {
        const int64_t position = axis.position(o, tap);
        count += position >= first && position < last ? 1 : 0;
      }
      counts_[i].push_back(count);
    }
  }
}

int64_t AverageWindow::in_pixels() const {
  return axes_[0].input * axes_[1].input * axes_[2].input;
}

int64_t AverageWindow::out_pixels() const {
  return axes_[0].output * axes_[1].output * axes_[2].output;
}

void AverageWindow::add_taps(const float* x, float* out) const {
  const int64_t step = axes_[2].stride;
  for (int64_t tap = 0; tap < axes_[0].kernel * axes_[1].kernel * axes_[2].kernel; ++tap) {
    for_each_tap_row(axes_, tap, [&](int64_t from, int64_t to, int64_t count) {
      for (int64_t i = 0; i < count; ++i) out[to + i] += x[from + i * step];
    });
  }
}

int64_t AverageWindow::divisor(int64_t o) const {
  const auto count = [&](size_t axis, int64_t position) {
    return counts_[axis][static_cast<size_t>(position)];
  };
  const int64_t taps = count(2, o % axes_[2].output) *
                       count(1, o / axes_[2].output % axes_[1].output) *
                       count(0, o / axes_[2].output / axes_[1].output);
  return std::max<int64_t>(1, taps);
}

}  // namespace whittle
