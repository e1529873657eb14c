#include "core/compress/layer_error/patch.h"

namespace whittle {

void read_patch(const ConvGeometry& geometry, std::span<const float> x, int64_t index,
                std::span<float> row) {
  const int64_t pixels = geometry.output_pixels();
  const int64_t taps = geometry.taps();
  const int64_t image = geometry.input_pixels();
  const std::vector<WindowAxis>& axes = geometry.axes;
  const int64_t base = index / pixels * geometry.in_channels * image;
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t offset = 0;
    int64_t stride = 1;
    int64_t out = index % pixels;
    int64_t rest = tap;
    bool inside = true;
    for (size_t a = axes.size(); a-- > 0;) {
      const int64_t at = axes[a].position(out % axes[a].output, rest % axes[a].kernel);
      out /= axes[a].output;
      rest /= axes[a].kernel;
      inside = inside && at >= 0 && at < axes[a].input;
      offset += at * stride;
      stride *= axes[a].input;
    }
    for (int64_t c = 0; c < geometry.in_channels; ++c) {
      row[static_cast<size_t>(c * taps + tap)] =
          inside ? x[static_cast<size_t>(base + c * image + offset)] : 0.0f;
    }
  }
}

}  // namespace whittle
