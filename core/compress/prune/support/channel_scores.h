#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/layer_error/sample_store.h"
#include "core/compress/prune/support/coupled_channels.h"
#include "core/compress/technique.h"

namespace whittle {

/** How much each output channel of a layer matters: one number a channel, at least 0, in units of
 * the layer's own mean (which is 1). Empty: the criterion says nothing of the layer. */
using LayerScores = std::vector<std::vector<double>>;

/** Sums of |w| over what makes a channel (Li et al. 2017, "Pruning Filters for Efficient
 * ConvNets"). */
std::vector<double> l1_scores(const Graph& graph, const ChannelLayerPlace& layer);
std::vector<double> l2_scores(const Graph& graph, const ChannelLayerPlace& layer);
/** The sum of distances to all other filters: what lies near the geometric median can be made of
 * the others (He et al. 2019, "Filter Pruning via Geometric Median"). */
std::vector<double> fpgm_scores(const Graph& graph, const ChannelLayerPlace& layer);
/** |scale| of the BatchNormalization that alone reads the layer (Liu et al. 2017, "Learning
 * Efficient Convolutional Networks through Network Slimming"). */
std::vector<double> batchnorm_scores(const Graph& graph, const GraphIndex& index,
                                     const ChannelLayerPlace& layer);

/** The value behind a layer's activation, where only that reads its output: what channels are
 * judged by on data. */
ValueAxis activated(const Graph& graph, const GraphIndex& index, const OpTable& ops,
                    const ChannelLayerPlace& layer);

/** Scores of all layers by the option "criterion", from samples where it needs them. */
Job score_layers(TechniqueContext& context, SampleStore& samples, const GraphIndex& index,
                 const std::vector<ChannelLayerPlace>& layers, LayerScores& scores);

/** Each class of a group: the scores of all its channels in all layers that make it, in units of
 * the group's mean. Empty when no layer has any. */
std::vector<double> class_scores(const ChannelSlots& slots, const CoupledChannels& group,
                                 const std::vector<ChannelLayerPlace>& layers,
                                 const LayerScores& scores);

}  // namespace whittle
