#pragma once

#include <optional>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

enum class ResizeMode : uint8_t { nearest, linear, cubic };
enum class ResizeCoordinates : uint8_t {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,  // opsets 11 and 12 only
  tf_crop_and_resize,
};
enum class ResizeRounding : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };

/** One axis of the tensor; an axis that is not resized has scale 1 and the same size twice. */
struct ResizeAxis {
  int64_t input = 1;
  int64_t output = 1;
  float scale = 1.0f;
  float roi_begin = 0.0f;  // tf_crop_and_resize only, as fractions of the input
  float roi_end = 1.0f;
  bool identity = true;
};

/** A Resize node with everything resolved: which input positions make an output position. */
struct ResizeGeometry {
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRounding rounding = ResizeRounding::round_prefer_floor;
  float cubic_a = -0.75f;
  float extrapolation = 0.0f;
  bool exclude_outside = false;
  bool antialias = false;
  std::vector<ResizeAxis> axes;  // one for each axis of the tensor

  Shape output_shape() const;
  /** The (fractional) input coordinate of output position `out`, in f32 as onnxruntime computes it.
   */
  float source(const ResizeAxis& axis, int64_t out) const;
  /** Whether tf_crop_and_resize takes the extrapolation value for that source coordinate. */
  bool extrapolates(const ResizeAxis& axis, float source) const;
  /** Nearest mode: the input position for a source coordinate. */
  int64_t nearest(const ResizeAxis& axis, float source) const;
  struct Tap {
    int64_t position;
    float weight;
  };
  /** Linear and cubic mode: input positions (inside the axis) and weights that sum to 1. */
  std::vector<Tap> taps(const ResizeAxis& axis, float source) const;
};

/** From the node and its inputs; roi, scales and sizes may be undefined or empty, but not both of
 * scales and sizes. Throws INVALID_GRAPH or SHAPE_MISMATCH naming the node. */
ResizeGeometry resize_geometry(const Node& node, const Shape& x, const Tensor& roi,
                               const Tensor& scales, const Tensor& sizes);

}  // namespace whittle
