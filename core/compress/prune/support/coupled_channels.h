#pragma once

#include <string>
#include <vector>

#include "core/compress/prune/support/coupling.h"

namespace whittle {

/** The axis of a layer's constant weight along which its output channels lie. */
struct ChannelWeight {
  ValueId weight = kNoValue;
  int axis = 0;
  /** Channel c owns every place i with i % channels == c (the stacked gates of an LSTM); in all
   * other layers the axis has as many places as there are channels. */
  int64_t channels = 0;
};

/** A layer that makes channels. */
struct ChannelLayerPlace {
  int node = -1;
  ValueAxis output;
  /** All of them constant, float32, of known shape. */
  std::vector<ChannelWeight> weights;
  /** Why its channels cannot be looked at, or "". */
  std::string obstacle;
};

/** What a Conv, ConvTranspose, Gemm, MatMul, LSTM, GRU or RNN makes. */
ChannelLayerPlace channel_layer_place(const Graph& graph, int node);

/** Channels that are interchangeable: each belongs to a class of its own, and all classes occur
 * equally often on the same axes, so that only their number matters to shapes. */
struct CoupledChannels {
  std::string name;          // of the first layer that makes them
  std::vector<int> layers;   // indices into the list of layers, in graph order
  std::vector<int> classes;  // roots of ChannelSlots, in the order of the first layer's channels
  std::string obstacle;      // why none of them can be removed, or ""
};

/** Every set of channels that some of `layers` makes; the layers' outputs have been followed. */
std::vector<CoupledChannels> coupled_channels(const Graph& graph, const ChannelSlots& slots,
                                              const std::vector<ChannelLayerPlace>& layers);

}  // namespace whittle
