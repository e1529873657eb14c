#include "core/ops/support/conv_loops.h"

#include <utility>

#include "core/ops/support/window_walk.h"

namespace whittle {
namespace {

/** The axes, with the side that taps address as `input`. A pointwise window becomes one long axis.
 */
SpatialAxes tapped_axes(const ConvGeometry& geometry) {
  std::vector<WindowAxis> axes = geometry.axes;
  bool pointwise = true;
  for (WindowAxis& axis : axes) {
    if (geometry.transposed) std::swap(axis.input, axis.output);
    pointwise = pointwise && axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 &&
                axis.input == axis.output;
  }
  if (pointwise) {
    axes.assign(1, {});
    axes[0].input = axes[0].output = geometry.input_pixels();
  }
  return spatial_axes(axes, "a convolution");
}

}  // namespace

template <typename T>
void convolve(const ConvGeometry& geometry, const T* x, const T* w, T* y) {
  const SpatialAxes axes = tapped_axes(geometry);
  const int64_t step = axes[2].stride;
  const int64_t group_in = geometry.in_channels / geometry.groups;
  const int64_t group_out = geometry.out_channels / geometry.groups;
  const int64_t taps = geometry.taps();
  for (int64_t b = 0; b < geometry.batch; ++b) {
    for (int64_t m = 0; m < geometry.out_channels; ++m) {
      T* plane = y + (b * geometry.out_channels + m) * geometry.output_pixels();
      for (int64_t c = 0; c < group_in; ++c) {
        const int64_t channel = m / group_out * group_in + c;
        const T* image = x + (b * geometry.in_channels + channel) * geometry.input_pixels();
        for (int64_t tap = 0; tap < taps; ++tap) {
          const T weight = w[(m * group_in + c) * taps + tap];
          for_each_tap_row(axes, tap, [&](int64_t from, int64_t to, int64_t count) {
            const T* in = image + from;
            T* out = plane + to;
            for (int64_t i = 0; i < count; ++i) out[i] += weight * in[i * step];
          });
        }
      }
    }
  }
}

template <typename T>
void convolve_transposed(const ConvGeometry& geometry, const T* x, const T* w, T* y) {
  const SpatialAxes axes = tapped_axes(geometry);
  const int64_t step = axes[2].stride;
  const int64_t group_in = geometry.in_channels / geometry.groups;
  const int64_t group_out = geometry.out_channels / geometry.groups;
  const int64_t taps = geometry.taps();
  for (int64_t b = 0; b < geometry.batch; ++b) {
    for (int64_t c = 0; c < geometry.in_channels; ++c) {
      const T* image = x + (b * geometry.in_channels + c) * geometry.input_pixels();
      for (int64_t m = 0; m < group_out; ++m) {
        const int64_t channel = c / group_in * group_out + m;
        T* plane = y + (b * geometry.out_channels + channel) * geometry.output_pixels();
        for (int64_t tap = 0; tap < taps; ++tap) {
          const T weight = w[(c * group_out + m) * taps + tap];
          for_each_tap_row(axes, tap, [&](int64_t to, int64_t from, int64_t count) {
            const T* in = image + from;
            T* out = plane + to;
            for (int64_t i = 0; i < count; ++i) out[i * step] += weight * in[i];
          });
        }
      }
    }
  }
}

template void convolve(const ConvGeometry&, const float*, const float*, float*);
template void convolve(const ConvGeometry&, const uint32_t*, const uint32_t*, uint32_t*);
template void convolve_transposed(const ConvGeometry&, const float*, const float*, float*);

}  // namespace whittle
