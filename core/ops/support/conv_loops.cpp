#include "core/ops/support/conv_loops.h"

#include <algorithm>
#include <array>

namespace whittle {
namespace {

constexpr size_t kMaxSpatial = 3;
using Axes = std::array<WindowAxis, kMaxSpatial>;

/** Three axes, leading ones of extent 1 added; `input` is the side that taps address. A pointwise
 * window becomes one long axis. */
Axes spatial_axes(const ConvGeometry& geometry) {
  const size_t rank = geometry.axes.size();
  if (rank > kMaxSpatial) {
    fail(Code::UNSUPPORTED, "", "Expected at most ", kMaxSpatial,
         " spatial axes for a convolution but received ", rank);
  }
  Axes axes{};
  bool pointwise = true;
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = axes[kMaxSpatial - rank + i];
    axis = geometry.axes[i];
    if (geometry.transposed) std::swap(axis.input, axis.output);
    pointwise = pointwise && axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 &&
                axis.input == axis.output;
  }
  if (pointwise) {
    axes = {};
    axes.back().input = axes.back().output = geometry.input_pixels();
  }
  return axes;
}

/** Calls row(tapped, other, count) for every row of outputs that tap `tap` serves: element
 * other + i of the side that is not tapped meets element tapped + i * axes[2].stride. */
template <typename Row>
void for_each_tap_row(const Axes& axes, int64_t tap, const Row& row) {
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
      const int64_t plane_row = axes[0].position(o0, t0) * axes[1].input + axes[1].position(o1, t1);
      row(plane_row * axes[2].input + column,
          (o0 * axes[1].output + o1) * axes[2].output + r2.first, r2.last - r2.first);
    }
  }
}

}  // namespace

template <typename T>
void convolve(const ConvGeometry& geometry, const T* x, const T* w, T* y) {
  const Axes axes = spatial_axes(geometry);
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
  const Axes axes = spatial_axes(geometry);
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
