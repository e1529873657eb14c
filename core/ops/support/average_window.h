#pragma once

#include <array>
#include <vector>

#include "core/ops/support/pool_geometry.h"
#include "core/ops/support/window_walk.h"

namespace whittle {

/** The window of an average pool, float or quantized: sums taps, and knows what to divide by. */
class AverageWindow {
 public:
  AverageWindow(const PoolGeometry& geometry, const Node& node);

  int64_t in_pixels() const;
  int64_t out_pixels() const;
  /** out[o] += x[position(o, t)] for every tap t inside x.   x [in_pixels]   out [out_pixels] */
  void add_taps(const float* x, float* out) const;
  /** What the sum of output o is divided by: its taps inside x, or with count_include_pad those
   * inside x and its padding (a window may reach past both in ceil_mode). Never 0. */
  int64_t divisor(int64_t o) const;

 private:
  SpatialAxes axes_;
  std::array<std::vector<int64_t>, 3> counts_;  // for each axis, taps that count by output position
};

}  // namespace whittle
