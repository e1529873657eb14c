#include <algorithm>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

/** Output channels of a convolution with a constant weight, 0 for any other node. */
int64_t channels_of(const Graph& graph, const Node& node) {
  if (!node.is("Conv") && !node.is("ConvTranspose")) return 0;
  const Tensor* weight = graph.constant(node.input(1));
  if (weight == nullptr || weight->dtype() != DType::f32 || weight->shape().rank() < 3) return 0;
  if (node.is("Conv")) return weight->shape()[0];
  return weight->shape()[1] * node.int_attribute("group", 1);
}

/** Whether `shape` adds one value to each channel of [N, channels, ...] with `rank` dimensions:
 * [channels, 1, ...] from the right, or a single value. */
bool is_per_channel(const Shape& shape, int64_t channels, int rank) {
  if (shape.rank() > rank) return false;
  const int axis = shape.rank() - (rank - 1);  // of the channels in `shape`
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1 && (i != axis || shape[i] != channels)) return false;
  }
  return true;
}

/** The bias of `conv` with `added` in it, [channels]; undefined where it does not fit. */
Tensor summed_bias(const Graph& graph, const Node& conv, const Tensor& added) {
  const int64_t channels = channels_of(graph, conv);
  const int rank = channels == 0 ? 0 : graph.constant(conv.input(1))->shape().rank();
  if (channels == 0 || added.dtype() != DType::f32) return {};
  if (!is_per_channel(added.shape(), channels, rank)) return {};
  const Tensor* given = nullptr;
  if (conv.input(2) != kNoValue) {
    given = graph.constant(conv.input(2));
    if (given == nullptr || given->dtype() != DType::f32 || given->elements() != channels) {
      return {};
    }
  }
  Tensor bias = Tensor::allocate(DType::f32, {channels});
  const auto values = bias.mutable_data<float>();
  for (size_t c = 0; c < values.size(); ++c) {
    values[c] = added.data<float>()[added.elements() == 1 ? 0 : c];
    if (given != nullptr) values[c] += given->data<float>()[c];
  }
  return bias;
}

}  // namespace

/**
 * Conv or ConvTranspose followed by the addition of one constant per channel becomes one node with
 * a bias: exporters that lack one write it so, and a BatchNormalization behind it can follow. The
 * value that stays is the sum, under its own name.
 */
bool fold_bias(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(node, [&](Graph& inner) { return fold_bias(inner, context); });
  }
  const GraphIndex index(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& add = graph.nodes[i];
    if (!add.is("Add") || add.inputs.size() != 2) continue;
    for (size_t side = 0; side < 2 && !dead[i]; ++side) {
      const ValueId between = add.inputs[side];
      const Tensor* added = graph.constant(add.inputs[1 - side]);
      if (between == kNoValue || added == nullptr || index.producer(between) == nullptr) continue;
      if (index.only_consumer(between) != &add) continue;
      Node& conv = graph.nodes[static_cast<size_t>(index.producer_index(between))];
      Tensor bias = summed_bias(graph, conv, *added);
      if (!bias.defined()) continue;
      conv.inputs.resize(3, kNoValue);
      // A bias that was there keeps its name; else the constant stands for it.
      const ValueId origin = conv.inputs[2] == kNoValue ? add.inputs[1 - side] : conv.inputs[2];
      const std::string name = graph.value(origin).origin_name();
      conv.inputs[2] =
          graph.add_constant(name.empty() ? conv.name + "_bias" : name, std::move(bias));
      graph.value(conv.inputs[2]).origin = name;
      conv.outputs[0] = add.outputs[0];
      dead[i] = true;
      changed = true;
    }
  }
  remove_nodes(graph, dead);
  return changed;
}

}  // namespace whittle
