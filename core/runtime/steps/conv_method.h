#pragma once

#include "core/ops/support/conv_geometry.h"

namespace whittle {

/** How a convolution is computed, in float or in integers. */
enum class ConvMethod : uint8_t {
  matrix,     // 1x1 at stride 1: the pixels are the rows of a matrix
  depthwise,  // one filter for each channel
  rows,       // few channels: whole kernel rows of a padded copy are the taps
  indirect,   // any other, group by group: taps are found through pointers
};

/** At most this many channels make a tap so short that reading whole kernel rows of a padded copy
 * is faster: 3 x 3 over 3 channels has taps of 3 values, rows of 9. */
inline constexpr int64_t kFewChannels = 4;

inline ConvMethod choose_method(const ConvGeometry& g) {
  bool pointwise = true;
  for (const WindowAxis& axis : g.axes) {
    pointwise = pointwise && axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 &&
                axis.pad_end == 0;
  }
  if (g.groups == 1 && pointwise) return ConvMethod::matrix;
  if (g.groups == g.in_channels && g.groups == g.out_channels && g.groups > 1) {
    return ConvMethod::depthwise;
  }
  const WindowAxis& w = g.axes.back();
  if (g.groups == 1 && g.in_channels <= kFewChannels && w.kernel > 1 && w.dilation == 1) {
    return ConvMethod::rows;
  }
  return ConvMethod::indirect;
}

}  // namespace whittle
