#include "core/compress/prune/support/fit_layers.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "core/compress/weights.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Activations that lost places, and all that is computed from them. */
std::set<ValueId> changed_values(const Graph& graph, const KeptPlaces& kept) {
  std::set<ValueId> changed;
  for (const auto& [at, places] : kept) changed.insert(at.value);
  for (const Node& node : graph.nodes) {
    bool reads = false;
    for_each_use(node, [&](ValueId id) { reads = reads || changed.contains(id); });
    if (reads) changed.insert(node.outputs.begin(), node.outputs.end());
  }
  return changed;
}

/** The weight of a layer; none: what it reads, or its weight, is not what can be fitted. */
std::optional<size_t> weight_to_fit(const GraphIndex& index, const Graph& graph, const Node& node,
                                    const std::set<ValueId>& changed) {
  if (!node.is("Conv") && !node.is("Gemm") && !node.is("MatMul")) return std::nullopt;
  if (node.float_attribute("alpha", 1) != 1) return std::nullopt;
  for (size_t input : weight_inputs(node)) {
    const ValueId id = node.input(input);
    const Tensor* weight = graph.constant(id);
    if (weight == nullptr || weight->dtype() != DType::f32) continue;
    if (!LayerRows::why_not(node, input, weight->shape()).empty()) continue;
    const bool shared = index.consumers(id).size() != 1 || index.is_output(id);
    if (!shared && changed.contains(node.input(1 - input))) return input;
  }
  return std::nullopt;
}

bool same_shape(const Graph& graph, ValueId a, ValueId b) {
  const auto& dims = graph.value(a).dims;
  return dims && dims == graph.value(b).dims;
}

ValueId target_of(const GraphIndex& index, const Graph& graph, int place) {
  const ValueId output = graph.nodes[static_cast<size_t>(place)].output(0);
  const Node* reader = index.only_consumer(output);
  if (reader == nullptr || !reader->is("Add")) return output;
  const ValueId other = reader->input(reader->input(0) == output ? 1 : 0);
  if (other == output || graph.constant(other) != nullptr) return output;
  // What is made later will be fitted later, to its own output.
  const bool earlier = index.producer_index(other) < place;
  const ValueId sum = reader->output(0);
  if (!earlier || !same_shape(graph, other, output) || !same_shape(graph, sum, output)) {
    return output;
  }
  return sum;
}

}  // namespace

bool may_set_bias(const Graph& graph, const Node& node, int64_t outputs) {
  if (node.is("MatMul")) return false;
  if (node.input(2) == kNoValue) return true;
  const Tensor* bias = graph.constant(node.input(2));
  return bias != nullptr && bias->dtype() == DType::f32 && bias->elements() == outputs &&
         bias->shape().rank() == 1 && node.float_attribute("beta", 1) == 1;
}

LayerMatrix FitLayer::moments() const {
  LayerMatrix result = matrix();
  result.inputs += 1 + result.outputs;
  return result;
}

size_t FitLayer::place(const Tensor& value, int64_t row, int64_t channel) const {
  const Shape& shape = value.shape();
  const int rank = shape.rank();
  int axis = rank - 1;
  if (rows.is_convolution()) axis = 1;
  if (weight_input == 0) axis = std::max(0, rank - 2);
  const int64_t inner = shape.elements(axis + 1, rank);
  return static_cast<size_t>((row / inner * shape[axis] + channel) * inner + row % inner);
}

std::vector<FitLayer> layers_to_fit(const Graph& smaller, const KeptPlaces& kept) {
  const GraphIndex index(smaller);
  const std::set<ValueId> changed = changed_values(smaller, kept);
  std::vector<FitLayer> layers;
  for (size_t i = 0; i < smaller.nodes.size(); ++i) {
    const Node& node = smaller.nodes[i];
    const std::optional<size_t> input = weight_to_fit(index, smaller, node, changed);
    if (!input) continue;
    const ValueId weight = node.input(*input);
    const Shape& shape = smaller.constant(weight)->shape();
    FitLayer layer{static_cast<int>(i),
                   *input,
                   weight,
                   false,
                   LayerRows(node, *input, shape),
                   target_of(index, smaller, static_cast<int>(i)),
                   {}};
    const int64_t outputs = layer.matrix().groups * layer.matrix().outputs;
    layer.has_bias = may_set_bias(smaller, node, outputs);
    const auto axes = weight_axes(node, *input, shape);
    if (!axes) continue;
    const auto places = kept.find({weight, axes->channel});
    layer.channels.resize(static_cast<size_t>(outputs));
    std::iota(layer.channels.begin(), layer.channels.end(), int64_t{0});
    if (places != kept.end()) {
      layer.channels.clear();
      for (size_t c = 0; c < places->second.size(); ++c) {
        if (places->second[c]) layer.channels.push_back(static_cast<int64_t>(c));
      }
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace whittle
