#pragma once

#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/** One spatial axis of a sliding window (convolution, pooling) with its padding resolved. */
struct WindowAxis {
  int64_t input = 1;   // elements of the input along the axis
  int64_t output = 1;  // elements of the output along the axis
  int64_t kernel = 1;  // taps
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;

  /** Input elements from the first tap to the last. */
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  /** Where tap `tap` of output `out` reads; outside [0, input) it reads padding. */
  int64_t position(int64_t out, int64_t tap) const {
    return out * stride - pad_begin + tap * dilation;
  }
  /** The outputs whose tap `tap` lies inside the input are those in [first, last). */
  struct Range {
    int64_t first = 0;
    int64_t last = 0;
  };
  Range outputs_inside(int64_t tap) const;
};

enum class AutoPad : uint8_t { explicit_pads, same_upper, same_lower, valid };

/** The attributes a sliding window is written with, defaults filled in, one entry per axis. */
struct WindowAttributes {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads_begin;
  std::vector<int64_t> pads_end;
  AutoPad auto_pad = AutoPad::explicit_pads;
  bool ceil_mode = false;

  size_t rank() const { return kernel.size(); }
};

/** Reads strides, dilations, pads, auto_pad and ceil_mode of a node whose window has the taps
 * `kernel`. Throws INVALID_GRAPH for lists of another length and for values out of range. */
WindowAttributes window_attributes(const Node& node, std::vector<int64_t> kernel);

/**
 * Resolves axis `axis` over `input` elements:
 *   output = floor((input + pad_begin + pad_end - extent) / stride) + 1
 * with ceil instead of floor in ceil_mode, less a window that would start in the end padding, and
 * output = ceil(input / stride) for auto_pad SAME. Throws SHAPE_MISMATCH where the window does not
 * fit into the padded input.
 */
WindowAxis resolve_axis(const WindowAttributes& attributes, size_t axis, int64_t input,
                        const std::string& where);

/** The output dimension for an input dimension that may be unknown: an unknown one is passed
 * through where the window keeps every size, else the output is unknown. */
Dim output_dim(const WindowAttributes& attributes, size_t axis, const Dim& input,
               const std::string& where);

}  // namespace whittle
