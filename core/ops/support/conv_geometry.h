#pragma once

#include <optional>
#include <vector>

#include "core/ops/support/window.h"

namespace whittle {

/**
 * The sizes of a convolution over tensors in ONNX's layout:
 *   Conv:          x [batch, in_channels, axes[i].input ...]
 *                  w [out_channels, in_channels / groups, axes[i].kernel ...]
 *                  y [batch, out_channels, axes[i].output ...]
 *   ConvTranspose: the same, with w [in_channels, out_channels / groups, axes[i].kernel ...]; there
 *                  output axes[i].position(in, tap) receives from input `in` through tap `tap`.
 */
struct ConvGeometry {
  int64_t batch = 0;
  int64_t groups = 1;
  int64_t in_channels = 0;   // of all groups
  int64_t out_channels = 0;  // of all groups
  std::vector<WindowAxis> axes;
  bool transposed = false;

  Shape output_shape() const;
  int64_t taps() const;           // of one kernel
  int64_t input_pixels() const;   // of one channel
  int64_t output_pixels() const;  // of one channel
  /** Multiply-accumulates, taps in the padding included. */
  int64_t macs() const;
};

/** Geometry of a Conv, ConvInteger or QLinearConv node at concrete shapes of x and w.
 * Throws SHAPE_MISMATCH or INVALID_GRAPH naming the node. */
ConvGeometry conv_geometry(const Node& node, const Shape& x, const Shape& w);
/** Output dims of such a node from what is known of x and w. */
std::optional<Dims> conv_dims(const Node& node, const std::optional<Dims>& x,
                              const std::optional<Dims>& w);

/** The same for ConvTranspose, with output_padding and output_shape. */
ConvGeometry conv_transpose_geometry(const Node& node, const Shape& x, const Shape& w);
std::optional<Dims> conv_transpose_dims(const Node& node, const std::optional<Dims>& x,
                                        const std::optional<Dims>& w);

}  // namespace whittle
