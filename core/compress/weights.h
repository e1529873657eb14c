#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/** The axes of a weight that matter here: [.., channels, .., inputs, ..]. */
struct WeightAxes {
  int channel = 0;
  int input = 1;  // the reduction axis that blocks run along
};

/** Operators whose constant weights can be stored in fewer bits. */
const std::vector<std::string>& weight_ops();

/** Whether input `input` of a node is a weight by its position, whatever feeds it. */
std::vector<size_t> weight_inputs(const Node& node);

/**
 * The axis along which a weight of this shape gets one scale each: output channels of convolutions
 * and products, gates of recurrent layers, rows of an embedding (columns when rows are so short
 * that their scales would outweigh the gain). nullopt when the input has too few dimensions.
 */
std::optional<int> channel_axis(const Node& node, size_t input, const Shape& shape);
/** The same with the axis that the layer sums over (a row of an embedding: along the row). */
std::optional<WeightAxes> weight_axes(const Node& node, size_t input, const Shape& shape);

/** Whether a node counts as a layer by its operator alone: a Gather of indices or an Add of two
 * activations has nothing to do with weights, and reports leave it out. */
bool is_always_a_layer(const Node& node);

}  // namespace whittle
