#include "core/ops/support/resize_geometry.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>

namespace whittle {
namespace {

/** The index of a string attribute among `names`; throws INVALID_GRAPH when it is none of them. */
template <typename Enum>
Enum choice(const Node& node, const char* attribute, const char* fallback,
            std::initializer_list<std::string_view> names) {
  const std::string value = node.string_attribute(attribute, fallback);
  const auto found = std::find(names.begin(), names.end(), value);
  if (found == names.end()) {
    std::string list;
    for (std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
    fail(Code::INVALID_GRAPH, node.label(), "Expected one of ", list, " for attribute '", attribute,
         "' of ", node.label(), " but received '", value, "'");
  }
  return static_cast<Enum>(found - names.begin());
}

void require_count(const Node& node, const char* what, size_t wanted, size_t received) {
  if (wanted == received) return;
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", wanted, " ", what, " for ", node.label(),
       " but received ", received);
}

int64_t checked_size(const Node& node, double size) {
  constexpr double kMaxSize = 4294967296.0;
  if (!(size >= 0 && size < kMaxSize)) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected output sizes in [0,2^32) for ", node.label(),
         " but received ", size);
  }
  return static_cast<int64_t>(size);
}

/** Output sizes from wanted ones: as they are, or by one scale that fits all of them. */
void apply_sizes(const Node& node, const std::vector<int64_t>& sizes, const std::vector<int>& axes,
                 std::vector<ResizeAxis>& all) {
  enum class Policy { stretch, not_larger, not_smaller };
  const auto policy = choice<Policy>(node, "keep_aspect_ratio_policy", "stretch",
                                     {"stretch", "not_larger", "not_smaller"});
  float common = 0.0f;
  for (size_t i = 0; i < axes.size(); ++i) {
    ResizeAxis& axis = all[static_cast<size_t>(axes[i])];
    axis.output = checked_size(node, static_cast<double>(sizes[i]));
    axis.scale =
        axis.input == 0 ? 1.0f : static_cast<float>(axis.output) / static_cast<float>(axis.input);
    const bool better = policy == Policy::not_larger ? axis.scale < common : axis.scale > common;
    if (i == 0 || better) common = axis.scale;
  }
  if (policy == Policy::stretch) return;
  for (int i : axes) {
    ResizeAxis& axis = all[static_cast<size_t>(i)];
    axis.scale = common;
    axis.output = checked_size(
        node, std::floor(static_cast<double>(common) * static_cast<double>(axis.input) + 0.5));
  }
}

float cubic_kernel(float t, float a) {
  t = std::fabs(t);
  if (t <= 1.0f) return ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
  if (t < 2.0f) return ((a * t - 5.0f * a) * t + 8.0f * a) * t - 4.0f * a;
  return 0.0f;
}

}  // namespace

Shape ResizeGeometry::output_shape() const {
  Shape shape;
  for (const ResizeAxis& axis : axes) shape.push_back(axis.output);
  return shape;
}

float ResizeGeometry::source(const ResizeAxis& axis, int64_t out) const {
  const auto o = static_cast<float>(out);
  const auto last = static_cast<float>(axis.input - 1);
  const auto last_out = static_cast<float>(axis.output - 1);
  switch (coordinates) {
    case ResizeCoordinates::half_pixel:
      return (o + 0.5f) / axis.scale - 0.5f;
    case ResizeCoordinates::half_pixel_symmetric: {
      // The output covers its exact extent `input * scale`, centred, though its size is rounded.
      const auto size = static_cast<float>(axis.input);
      const float adjustment = static_cast<float>(axis.output) / (axis.scale * size);
      return size / 2.0f * (1.0f - adjustment) + (o + 0.5f) / axis.scale - 0.5f;
    }
    case ResizeCoordinates::pytorch_half_pixel:
      return axis.output > 1 ? (o + 0.5f) / axis.scale - 0.5f : 0.0f;
    case ResizeCoordinates::align_corners:
      return axis.output == 1 ? 0.0f : o * last / last_out;
    case ResizeCoordinates::asymmetric:
      return o / axis.scale;
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return (o + 0.5f) / axis.scale;
    case ResizeCoordinates::tf_crop_and_resize:
      if (axis.output <= 1) return 0.5f * (axis.roi_begin + axis.roi_end) * last;
      return axis.roi_begin * last + o * (axis.roi_end - axis.roi_begin) * last / last_out;
  }
  return o;
}

bool ResizeGeometry::extrapolates(const ResizeAxis& axis, float source) const {
  return coordinates == ResizeCoordinates::tf_crop_and_resize &&
         (source < 0.0f || source > static_cast<float>(axis.input - 1));
}

int64_t ResizeGeometry::nearest(const ResizeAxis& axis, float source) const {
  float rounded = source;
  switch (rounding) {
    case ResizeRounding::round_prefer_floor:
      rounded = std::ceil(source - 0.5f);
      break;
    case ResizeRounding::round_prefer_ceil:
      rounded = std::floor(source + 0.5f);
      break;
    case ResizeRounding::floor:
      rounded = std::floor(source);
      break;
    case ResizeRounding::ceil:
      rounded = std::ceil(source);
      break;
  }
  const float last = static_cast<float>(axis.input - 1);
  return static_cast<int64_t>(std::clamp(rounded, 0.0f, last));
}

std::vector<ResizeGeometry::Tap> ResizeGeometry::taps(const ResizeAxis& axis, float source) const {
  // When shrinking, antialias widens the kernel so that every input element counts.
  const float shrink = antialias ? std::min(axis.scale, 1.0f) : 1.0f;
  const float reach = (mode == ResizeMode::cubic ? 2.0f : 1.0f) / shrink;
  const auto first = static_cast<int64_t>(std::floor(source - reach)) + 1;
  const auto last = static_cast<int64_t>(std::ceil(source + reach)) - 1;
  std::vector<Tap> made;
  float sum = 0.0f;
  for (int64_t position = first; position <= last; ++position) {
    const float t = (static_cast<float>(position) - source) * shrink;
    const float weight =
        mode == ResizeMode::cubic ? cubic_kernel(t, cubic_a) : std::max(0.0f, 1.0f - std::fabs(t));
    if (exclude_outside && (position < 0 || position >= axis.input)) continue;
    sum += weight;
    made.push_back({std::clamp<int64_t>(position, 0, axis.input - 1), weight});
  }
  if (antialias || exclude_outside) {
    for (Tap& tap : made) tap.weight /= sum;
  }
  return made;
}

ResizeGeometry resize_geometry(const Node& node, const Shape& x, const Tensor& roi,
                               const Tensor& scales, const Tensor& sizes) {
  ResizeGeometry made;
  made.mode = choice<ResizeMode>(node, "mode", "nearest", {"nearest", "linear", "cubic"});
  made.coordinates = choice<ResizeCoordinates>(
      node, "coordinate_transformation_mode", "half_pixel",
      {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
       "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  made.rounding =
      choice<ResizeRounding>(node, "nearest_mode", "round_prefer_floor",
                             {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  made.cubic_a = node.float_attribute("cubic_coeff_a", -0.75f);
  made.extrapolation = node.float_attribute("extrapolation_value", 0.0f);
  made.exclude_outside = node.int_attribute("exclude_outside", 0) != 0;
  made.antialias = node.int_attribute("antialias", 0) != 0;
  for (int64_t dim : x) {
    ResizeAxis axis;
    axis.input = axis.output = dim;
    made.axes.push_back(axis);
  }

  std::vector<int> axes(static_cast<size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (node.has("axes")) {
    axes.clear();
    for (int64_t axis : node.ints_attribute("axes")) {
      axes.push_back(normalize_axis(axis, x.rank(), node.label()));
    }
  }
  if (scales.defined() && scales.elements() > 0) {
    const std::vector<float> values = to_floats(scales, node.label());
    require_count(node, "scales", axes.size(), values.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      ResizeAxis& axis = made.axes[static_cast<size_t>(axes[i])];
      axis.scale = values[i];
      axis.output = checked_size(
          node, std::floor(static_cast<double>(axis.input) * static_cast<double>(values[i])));
    }
  } else {
    if (!sizes.defined()) require_count(node, "scales or sizes", axes.size(), 0);
    const std::vector<int64_t> values = to_int64s(sizes, node.label());
    require_count(node, "sizes", axes.size(), values.size());
    apply_sizes(node, values, axes, made.axes);
  }
  const bool crops = made.coordinates == ResizeCoordinates::tf_crop_and_resize;
  if (crops) {
    const std::vector<float> values =
        roi.defined() ? to_floats(roi, node.label()) : std::vector<float>{};
    require_count(node, "values of roi", 2 * axes.size(), values.size());
    constexpr float kMaxRoi = 1e9f;
    for (float value : values) {
      if (std::fabs(value) < kMaxRoi) continue;
      fail(Code::INVALID_DATA, node.label(), "Expected finite values of roi for ", node.label(),
           " but received ", value);
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      ResizeAxis& axis = made.axes[static_cast<size_t>(axes[i])];
      axis.roi_begin = values[i];
      axis.roi_end = values[axes.size() + i];
    }
  }
  for (ResizeAxis& axis : made.axes) {
    if (axis.input == 0 && axis.output > 0) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected elements to resize for ", node.label(),
           " but received ", to_string(x));
    }
    axis.identity = axis.input == axis.output && axis.scale == 1.0f &&
                    (!crops || (axis.roi_begin == 0.0f && axis.roi_end == 1.0f));
  }
  return made;
}

}  // namespace whittle
