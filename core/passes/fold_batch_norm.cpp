#include <cmath>
#include <optional>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

/** y = scale * x + shift per channel: what BatchNormalization does at inference. */
struct Affine {
  std::vector<double> scale;
  std::vector<double> shift;
  size_t channels() const { return scale.size(); }
};

const Tensor* float_constant(const Graph& graph, ValueId id) {
  const Tensor* tensor = graph.constant(id);
  return tensor != nullptr && tensor->dtype() == DType::f32 ? tensor : nullptr;
}

std::optional<Affine> affine_of(const Graph& graph, const Node& node) {
  if (!node.is("BatchNormalization") || node.int_attribute("training_mode", 0) != 0) {
    return std::nullopt;
  }
  const Tensor* parts[4];  // gamma, beta, mean, variance: [C]
  for (size_t i = 0; i < 4; ++i) {
    parts[i] = float_constant(graph, node.input(i + 1));
    if (parts[i] == nullptr || parts[i]->shape() != parts[0]->shape()) return std::nullopt;
  }
  if (parts[0]->shape().rank() != 1) return std::nullopt;
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) return std::nullopt;
  }
  const double epsilon = node.float_attribute("epsilon", 1e-5f);
  Affine affine;
  for (size_t c = 0; c < static_cast<size_t>(parts[0]->elements()); ++c) {
    const auto part = [&](size_t i) { return static_cast<double>(parts[i]->data<float>()[c]); };
    affine.scale.push_back(part(0) / std::sqrt(part(3) + epsilon));
    affine.shift.push_back(part(1) - part(2) * affine.scale[c]);
  }
  return affine;
}

/** A copy of `weight` whose element at flat index i is multiplied by scale[channel(i)]. */
template <typename Channel>
Tensor scaled(const Tensor& weight, const Affine& affine, const Channel& channel) {
  Tensor result = weight.clone();
  const auto values = result.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(values[i] * affine.scale[channel(i)]);
  }
  return result;
}

/** The weight of `node` with the affine map in it; undefined where it does not fit. */
Tensor scaled_weight(const Node& node, const Tensor& weight, const Affine& affine) {
  const Shape& shape = weight.shape();
  const size_t channels = affine.channels();
  const auto dim = [&](int axis) { return static_cast<size_t>(shape[axis]); };
  if (node.is("Conv") && shape.rank() >= 3 && dim(0) == channels) {
    // [C, C_in / group, k...]
    const size_t row = static_cast<size_t>(shape.elements(1, shape.rank()));
    return scaled(weight, affine, [=](size_t i) { return i / row; });
  }
  if (node.is("ConvTranspose") && shape.rank() >= 3) {
    // [C_in, C / group, k...]
    const auto groups = static_cast<size_t>(node.int_attribute("group", 1));
    if (groups == 0 || dim(1) * groups != channels || dim(0) % groups != 0) return {};
    const size_t taps = static_cast<size_t>(shape.elements(2, shape.rank()));
    const size_t inputs = dim(0) / groups;
    const size_t outputs = dim(1);
    return scaled(weight, affine, [=](size_t i) {
      const size_t input = i / (outputs * taps);
      return input / inputs * outputs + i / taps % outputs;
    });
  }
  if (node.is("Gemm") && shape.rank() == 2) {
    const bool transposed = node.int_attribute("transB", 0) != 0;
    if (dim(transposed ? 0 : 1) != channels) return {};
    const size_t columns = dim(1);
    return scaled(weight, affine, [=](size_t i) { return transposed ? i / columns : i % columns; });
  }
  return {};
}

/** The bias of `node` through the affine map, [C]; undefined where it is not constant per channel.
 */
Tensor shifted_bias(const Graph& graph, const Node& node, const Affine& affine) {
  const size_t channels = affine.channels();
  std::vector<double> bias(channels, 0.0);
  if (node.input(2) != kNoValue) {
    const Tensor* given = float_constant(graph, node.input(2));
    if (given == nullptr) return {};
    const auto count = static_cast<size_t>(given->elements());
    const bool per_channel = count == channels && given->shape().rank() >= 1 &&
                             static_cast<size_t>(given->shape().back()) == channels;
    if (!per_channel && count != 1) return {};
    const double factor = node.is("Gemm") ? node.float_attribute("beta", 1) : 1.0f;
    for (size_t c = 0; c < channels; ++c) {
      bias[c] = factor * static_cast<double>(given->data<float>()[per_channel ? c : 0]);
    }
  }
  Tensor result = Tensor::allocate(DType::f32, {static_cast<int64_t>(channels)});
  for (size_t c = 0; c < channels; ++c) {
    result.mutable_data<float>()[c] =
        static_cast<float>(bias[c] * affine.scale[c] + affine.shift[c]);
  }
  return result;
}

ValueId add_standing_for(Graph& graph, ValueId original, std::string_view name, Tensor tensor) {
  const std::string origin = original == kNoValue ? "" : graph.value(original).origin_name();
  const ValueId id = graph.add_constant(origin.empty() ? name : origin, std::move(tensor));
  graph.value(id).origin = origin;
  return id;
}

bool fold_into(Graph& graph, Node& before, const Node& norm, const Affine& affine) {
  const Tensor* weight = float_constant(graph, before.input(1));
  if (weight == nullptr) return false;
  Tensor new_weight = scaled_weight(before, *weight, affine);
  Tensor new_bias = shifted_bias(graph, before, affine);
  if (!new_weight.defined() || !new_bias.defined()) return false;
  before.inputs.resize(3, kNoValue);
  before.inputs[1] = add_standing_for(graph, before.inputs[1], "weight", std::move(new_weight));
  before.inputs[2] =
      add_standing_for(graph, before.inputs[2], before.name + "_bias", std::move(new_bias));
  if (before.is("Gemm")) before.attributes.erase("beta");
  before.outputs[0] = norm.outputs[0];
  return true;
}

}  // namespace

/**
 * Conv, ConvTranspose or Gemm followed by BatchNormalization becomes one node:
 *   W' = W * s,  b' = b * s + beta - mean * s,  s = gamma / sqrt(variance + epsilon)
 * The value that stays is the one after BatchNormalization, under its own name.
 */
bool fold_batch_norm(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return fold_batch_norm(subgraph, context); });
  }
  const GraphIndex index(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& norm = graph.nodes[i];
    const ValueId between = norm.input(0);
    if (between == kNoValue || index.producer(between) == nullptr) continue;
    if (norm.output(0) == kNoValue || index.only_consumer(between) != &norm) continue;
    const std::optional<Affine> affine = affine_of(graph, norm);
    if (!affine) continue;
    const auto before = static_cast<size_t>(index.producer_index(between));
    dead[i] = fold_into(graph, graph.nodes[before], norm, *affine);
    changed |= dead[i];
  }
  remove_nodes(graph, dead);
  return changed;
}

}  // namespace whittle
