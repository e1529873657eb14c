#pragma once

#include <vector>

#include "core/ops/support/window.h"
#include "core/runtime/steps/support.h"

namespace whittle {

/** A kernel's view of a sliding window over one channels-last image; one axis gives height 1. */
inline ConvShape conv_shape(const std::vector<WindowAxis>& axes, size_t kc, size_t pixel_stride,
                            size_t row_stride) {
  static const WindowAxis one;
  const WindowAxis& h = axes.size() == 2 ? axes[0] : one;
  const WindowAxis& w = axes.back();
  ConvShape shape;
  const auto size = [](int64_t value) { return static_cast<size_t>(value); };
  shape.in_h = size(h.input);
  shape.in_w = size(w.input);
  shape.out_h = size(h.output);
  shape.out_w = size(w.output);
  shape.kernel_h = size(h.kernel);
  shape.kernel_w = size(w.kernel);
  shape.stride_h = size(h.stride);
  shape.stride_w = size(w.stride);
  shape.dilation_h = size(h.dilation);
  shape.dilation_w = size(w.dilation);
  shape.pad_top = size(h.pad_begin);
  shape.pad_left = size(w.pad_begin);
  shape.kc = kc;
  shape.pixel_stride = pixel_stride;
  shape.row_stride = row_stride;
  return shape;
}

/** Padding of an average pool as its node counts it. */
inline AvgPoolParams avg_pool_params(const Node& node, const std::vector<WindowAxis>& axes) {
  AvgPoolParams params;
  params.count_include_pad = node.int_attribute("count_include_pad", 0) != 0;
  params.pad_right = static_cast<size_t>(axes.back().pad_end);
  params.pad_bottom = axes.size() == 2 ? static_cast<size_t>(axes[0].pad_end) : 0;
  return params;
}

}  // namespace whittle
