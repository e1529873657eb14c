#pragma once

#include <array>
#include <utility>
#include <vector>

#include "core/ops/support/window.h"

namespace whittle {

/** A window's three innermost axes: leading ones of extent 1 are added. */
using SpatialAxes = std::array<WindowAxis, 3>;

/** Throws UNSUPPORTED naming `where` for more than three axes. */
SpatialAxes spatial_axes(const std::vector<WindowAxis>& axes, const std::string& where);

/**
 * Calls row(tapped, other, count) for every row of outputs whose tap `tap` (row-major in the
 * kernel) lies inside the input: output other + i meets input tapped + i * axes[2].stride for i <
 * count, as offsets into one plane of each.
 */
template <typename Row>
void for_each_tap_row(const SpatialAxes& axes, int64_t tap, const Row& row) {
  const int64_t t2 = tap % axes[2].kernel;
  const int64_t t1 = tap / axes[2].kernel % axes[1].kernel;
  const int64_t t0 = tap / axes[2].kernel / axes[1].kernel;
  const auto r0 = axes[0].outputs_inside(t0);
  const auto r1 = axes[1].outputs_inside(t1);
  const auto r2 = axes[2].outputs_inside(t2);
  if (r2.first >= r2.last) return;
  const int64_t column = axes[2].position(r2.first, t2);
  for (int64_t o0 = r0.first; o0 < r0.last; ++o0) {
    for (int64_t o1 = r1.first; o1 < r1.last; ++o1) {
      const int64_t line = axes[0].position(o0, t0) * axes[1].input + axes[1].position(o1, t1);
      row(line * axes[2].input + column, (o0 * axes[1].output + o1) * axes[2].output + r2.first,
          r2.last - r2.first);
    }
  }
}

}  // namespace whittle
