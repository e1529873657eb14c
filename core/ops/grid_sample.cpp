#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

enum class Padding : uint8_t { zeros, border, reflection };
enum class Mode : uint8_t { linear, nearest, cubic };

struct Settings {
  Mode mode = Mode::linear;
  Padding padding = Padding::zeros;
  bool align_corners = false;
};

[[noreturn]] void fail_attribute(const Node& node, const char* name, const std::string& value) {
  fail(Code::INVALID_GRAPH, node.label(), "Expected a known attribute '", name, "' for ",
       node.label(), " but received '", value, "'");
}

Settings settings(const Node& node) {
  Settings made;
  const std::string mode = node.string_attribute("mode", "linear");
  if (mode == "nearest") {
    made.mode = Mode::nearest;
  } else if (mode == "cubic" || mode == "bicubic") {
    made.mode = Mode::cubic;
  } else if (mode != "linear" && mode != "bilinear") {
    fail_attribute(node, "mode", mode);
  }
  const std::string padding = node.string_attribute("padding_mode", "zeros");
  if (padding == "border") {
    made.padding = Padding::border;
  } else if (padding == "reflection") {
    made.padding = Padding::reflection;
  } else if (padding != "zeros") {
    fail_attribute(node, "padding_mode", padding);
  }
  made.align_corners = node.int_attribute("align_corners", 0) != 0;
  return made;
}

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  if (!context.dims(0) || !context.dims(1)) return context.set_output(0, context.dtype(0));
  const Dims& x = *context.dims(0);
  const Dims& grid = *context.dims(1);
  if (x.size() != grid.size() || x.size() < 3) {
    fail(Code::SHAPE_MISMATCH, context.node().label(), "Expected a grid of the input's rank for ",
         context.node().label(), " but received ", to_string(x), " and ", to_string(grid));
  }
  Dims out{x[0], x[1]};
  out.insert(out.end(), grid.begin() + 1, grid.end() - 1);
  context.set_output(0, context.dtype(0), out);
}

/** The grid's [-1, 1] in elements of an axis of `size`. */
float unnormalize(float value, int64_t size, bool align_corners) {
  const auto extent = static_cast<float>(size);
  return align_corners ? (value + 1.0f) / 2.0f * (extent - 1.0f)
                       : ((value + 1.0f) * extent - 1.0f) / 2.0f;
}

/** Mirrors a coordinate into [low, high] as often as it takes. */
float reflect(float x, float low, float high) {
  const float range = high - low;
  if (range <= 0.0f || !std::isfinite(x)) return low;
  const float distance = std::fabs(x - low);
  const float turns = std::floor(distance / range);
  const float rest = distance - turns * range;
  return std::fmod(turns, 2.0f) == 0.0f ? low + rest : high - rest;
}

/** A coordinate brought inside as the padding mode says; `margin` is how far the image reaches past
 * its outermost elements. */
float pad(float x, int64_t size, const Settings& settings) {
  const float margin = settings.align_corners ? 0.0f : 0.5f;
  const auto last = static_cast<float>(size - 1);
  if (x >= -margin && x <= last + margin) return x;
  if (settings.padding == Padding::border) return std::clamp(x, 0.0f, last);
  if (settings.padding == Padding::reflection) return reflect(x, -margin, last + margin);
  return x;
}

/** The element at a whole coordinate under the padding mode; -1: outside, counts as 0. */
int64_t element(float x, int64_t size, const Settings& settings) {
  const auto last = static_cast<float>(size - 1);
  x = pad(x, size, settings);
  if (settings.padding != Padding::zeros) x = std::clamp(x, 0.0f, last);
  if (!(x >= 0.0f && x <= last)) return -1;
  return static_cast<int64_t>(x);
}

/** Positions and weights that one coordinate reads along one axis. */
struct Taps {
  int count = 0;
  std::array<int64_t, 4> position{};
  std::array<float, 4> weight{};
};

/** Keys' cubic convolution with a = -0.75. */
float cubic_weight(float t) {
  constexpr float kA = -0.75f;
  t = std::fabs(t);
  if (t <= 1.0f) return ((kA + 2.0f) * t - (kA + 3.0f)) * t * t + 1.0f;
  return ((kA * t - 5.0f * kA) * t + 8.0f * kA) * t - 4.0f * kA;
}

Taps taps_at(float normalized, int64_t size, const Settings& settings) {
  float x = unnormalize(normalized, size, settings.align_corners);
  Taps taps;
  if (settings.mode == Mode::nearest) {
    taps.count = 1;
    taps.position[0] = element(std::nearbyint(x), size, settings);
    taps.weight[0] = 1.0f;
    return taps;
  }
  x = pad(x, size, settings);
  const bool cubic = settings.mode == Mode::cubic;
  const float first = std::floor(x) - (cubic ? 1.0f : 0.0f);
  taps.count = cubic ? 4 : 2;
  for (int i = 0; i < taps.count; ++i) {
    const float at = first + static_cast<float>(i);
    const auto k = static_cast<size_t>(i);
    taps.weight[k] = cubic ? cubic_weight(x - at) : 1.0f - std::fabs(x - at);
    taps.position[k] = element(at, size, settings);
  }
  return taps;
}

// y[b, c, p] = sum over z, y, x of wz * wy * wx * x[b, c, z, y, x], where grid[b, p] = (x, y[, z])
// in
// [-1, 1] gives the taps along each axis: 1 (nearest), 2 (linear) or 4 (cubic). What is outside is
// 0, the border's value, or mirrored.
//   x [batch, channels, (depth,) height, width]   grid [batch, (out_d,) out_h, out_w, 2 or 3]
//   y [batch, channels, (out_d,) out_h, out_w]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Tensor grid = float_input(context, 1);
  const int axes = x.shape().rank() - 2;
  if (axes < 1 || axes > 3 || grid.shape().rank() != axes + 2 || grid.shape().back() != axes ||
      grid.shape()[0] != x.shape()[0]) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a grid that fits ", to_string(x.shape()),
         " for ", node.label(), " but received ", to_string(grid.shape()));
  }
  const Settings how = settings(node);
  Shape shape{x.shape()[0], x.shape()[1]};
  for (int i = 0; i < axes; ++i) shape.push_back(grid.shape()[i + 1]);
  const int64_t channels = shape[1];
  const int64_t points = shape.elements(2, shape.rank());
  const int64_t pixels = x.shape().elements(2, x.shape().rank());
  if (pixels == 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected elements to sample for ", node.label(),
         " but received ", to_string(x.shape()));
  }
  std::array<int64_t, 3> size{1, 1, 1};  // depth, height, width
  for (int i = 0; i < axes; ++i) size[static_cast<size_t>(3 - axes + i)] = x.shape()[i + 2];
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    std::fill_n(out, y.elements(), 0.0f);
    for (int64_t at = 0; at < shape[0] * points; ++at) {
      const float* coordinates = grid.data<float>().data() + at * axes;
      std::array<Taps, 3> taps;
      for (size_t i = 0; i < 3; ++i) {
        const auto from_last = static_cast<int64_t>(2 - i);  // the grid lists the last axis first
        if (from_last >= axes) {
          taps[i].count = 1;
          taps[i].weight[0] = 1.0f;
        } else {
          taps[i] = taps_at(coordinates[from_last], size[i], how);
        }
      }
      const int64_t b = at / points;
      const float* image = x.data<float>().data() + b * channels * pixels;
      float* target = out + b * channels * points + at % points;
      const int combinations = taps[0].count * taps[1].count * taps[2].count;
      for (int t = 0; t < combinations; ++t) {
        const auto t2 = static_cast<size_t>(t % taps[2].count);
        const auto t1 = static_cast<size_t>(t / taps[2].count % taps[1].count);
        const auto t0 = static_cast<size_t>(t / taps[2].count / taps[1].count);
        const int64_t z = taps[0].position[t0];
        const int64_t row = taps[1].position[t1];
        const int64_t column = taps[2].position[t2];
        if (z < 0 || row < 0 || column < 0) continue;
        const float weight = taps[0].weight[t0] * taps[1].weight[t1] * taps[2].weight[t2];
        const int64_t offset = (z * size[1] + row) * size[2] + column;
        for (int64_t c = 0; c < channels; ++c) {
          target[c * points] += weight * image[c * pixels + offset];
        }
      }
    }
  });
}

}  // namespace

void register_grid_sample(OpTable& table) {
  table.add({.domain = "", .name = "GridSample", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
