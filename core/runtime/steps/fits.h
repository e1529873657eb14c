#pragma once

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

// What the fast steps take. Layout rules and step builders ask the same questions, so that an
// operation never gets a layout its step cannot work in.

/** Type and shape of everything read and written are known. */
bool all_static(const LoweredOp& op, const LoweredGraph& graph);
/** Elements of whole bytes, any values. */
bool fits_copy(const LoweredOp& op, const LoweredGraph& graph);
/** Constant starts, ends, axes and steps. */
bool fits_slice(const LoweredOp& op, const LoweredGraph& graph);
/** Constant non-negative pads. */
bool fits_pad(const LoweredOp& op, const LoweredGraph& graph);
/** To or from 8 bits with one constant scale. */
bool fits_quantize(const LoweredOp& op, const LoweredGraph& graph);
/** 1-D and 2-D pooling of floats, or the maximum of 8-bit values, with one output. */
bool fits_pool(const LoweredOp& op, const LoweredGraph& graph);
/** Nearest and linear over the two spatial axes of floats. */
bool fits_resize(const LoweredOp& op, const LoweredGraph& graph);
/** Over axis 1 of a tensor of rank 3 or more. */
bool fits_channel_softmax(const LoweredOp& op, const LoweredGraph& graph);
bool fits_channel_argmax(const LoweredOp& op, const LoweredGraph& graph);
/** Over all spatial axes, or the channels, of a tensor of rank 3 or more, dims kept or dropped
 * without changing what axis 1 means. */
bool fits_spatial_reduce(const LoweredOp& op, const LoweredGraph& graph);

}  // namespace whittle
