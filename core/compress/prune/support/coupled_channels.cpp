#include "core/compress/prune/support/coupled_channels.h"

#include <algorithm>
#include <map>

namespace whittle {
namespace {

std::string weight_obstacle(const Graph& graph, ValueId id, int least_rank) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr) return "its weight is computed at run time";
  if (tensor->dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(tensor->dtype()), ", not float32");
  }
  if (tensor->shape().rank() < least_rank) return "its weight is not a matrix";
  if (tensor->elements() == 0) return "its weight is empty";
  return "";
}

void add_weight(const Graph& graph, ChannelLayerPlace& place, ValueId id, int axis) {
  if (!place.obstacle.empty()) return;
  place.obstacle = weight_obstacle(graph, id, 2);
  if (!place.obstacle.empty()) return;
  place.weights.push_back({id, axis, graph.constant(id)->shape()[axis]});
}

}  // namespace

ChannelLayerPlace channel_layer_place(const Graph& graph, int index) {
  const Node& node = graph.nodes[static_cast<size_t>(index)];
  ChannelLayerPlace place;
  place.node = index;
  place.output = {node.output(0), 1};
  if (node.is("Conv")) {
    add_weight(graph, place, node.input(1), 0);
  } else if (node.is("ConvTranspose")) {
    // [inputs, outputs / groups, ..]: depthwise, or all of them.
    add_weight(graph, place, node.input(1), node.int_attribute("group", 1) == 1 ? 1 : 0);
  } else if (node.is("Gemm")) {
    add_weight(graph, place, node.input(1), node.int_attribute("transB", 0) != 0 ? 0 : 1);
  } else if (node.is("MatMul")) {
    const bool left = graph.constant(node.input(1)) == nullptr && graph.constant(node.input(0));
    const ValueId weight = node.input(left ? 0 : 1);
    const Tensor* tensor = graph.constant(weight);
    const int rank = tensor == nullptr ? 0 : tensor->shape().rank();
    add_weight(graph, place, weight, left ? rank - 2 : rank - 1);
    const auto& dims = graph.value(node.output(0)).dims;
    place.output.axis = dims ? static_cast<int>(dims->size()) - (left ? 2 : 1) : 0;
  } else {  // recurrent: rows of W and R are stacked gates
    add_weight(graph, place, node.input(1), 1);
    add_weight(graph, place, node.input(2), 1);
    if (!place.obstacle.empty()) return place;
    const int64_t hidden = graph.constant(node.input(2))->shape().back();
    for (ChannelWeight& weight : place.weights) weight.channels = hidden;
    // R is the one operand that always has the units on an axis of their own.
    place.output = {node.input(2), 2};
  }
  return place;
}

std::vector<CoupledChannels> coupled_channels(const Graph& graph, const ChannelSlots& slots,
                                              const std::vector<ChannelLayerPlace>& layers) {
  // Where each class occurs, and how often.
  std::map<int, std::map<int, int>> occurrences;
  int number = 0;
  for (const auto& [at, range] : slots.axes()) {
    for (int64_t i = 0; i < range.second; ++i) ++occurrences[slots.class_of(at, i)][number];
    ++number;
  }
  struct Key {
    std::map<int, int> places;
    std::string obstacle;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, size_t> known;
  std::map<int, size_t> group_of;
  std::vector<CoupledChannels> groups;
  for (size_t l = 0; l < layers.size(); ++l) {
    const ChannelLayerPlace& layer = layers[l];
    if (!layer.obstacle.empty() || !slots.is_open(layer.output)) continue;
    for (int64_t i = 0; i < slots.extent(layer.output); ++i) {
      const int root = slots.class_of(layer.output, i);
      const auto [place, added] = group_of.try_emplace(root, 0);
      if (added) {
        const Key key{occurrences.at(root), slots.pinned(root)};
        const auto [at, is_new] = known.try_emplace(key, groups.size());
        if (is_new) {
          CoupledChannels group;
          group.name = graph.nodes[static_cast<size_t>(layer.node)].name;
          group.obstacle = key.obstacle;
          groups.push_back(std::move(group));
        }
        place->second = at->second;
        groups[at->second].classes.push_back(root);
      }
      std::vector<int>& makers = groups[place->second].layers;
      if (makers.empty() || makers.back() != static_cast<int>(l)) {
        if (std::count(makers.begin(), makers.end(), static_cast<int>(l)) == 0) {
          makers.push_back(static_cast<int>(l));
        }
      }
    }
  }
  return groups;
}

}  // namespace whittle
