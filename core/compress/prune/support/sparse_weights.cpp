#include "core/compress/prune/support/sparse_weights.h"

#include <algorithm>
#include <cmath>

#include "core/base/random.h"
#include "core/compress/name_seed.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

int64_t block_of(const Options& options) {
  const std::string pattern = options.text("pattern");
  return pattern == "4x1" ? 4 : pattern == "8x1" ? 8 : 1;
}

std::string why_not(const Layer& layer, size_t input, SparseWeight& weight) {
  if (!weight.constant.found()) return "its weights are computed at run time";
  const Tensor& tensor = weight.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weights are ", dtype_name(tensor.dtype()), ", not float32");
  }
  const std::optional<int> axis = channel_axis(*layer.node, input, tensor.shape());
  if (!axis || tensor.elements() == 0) return "its weight is not a matrix";
  const bool depthwise =
      layer.node->is("Conv") && tensor.shape()[1] == 1 && layer.node->int_attribute("group", 1) > 1;
  // A given mask has been decided on.
  if (depthwise && !layer.options.boolean("depthwise") && !layer.options.given("masks")) {
    return "it is depthwise: each of its few weights counts (see the option depthwise)";
  }
  weight.units = {tensor.shape(), *axis, block_of(layer.options)};
  weight.sparsity = layer.options.number("sparsity");
  return "";
}

}  // namespace

std::vector<SparseWeight> sparse_weights(TechniqueContext& context,
                                         const ConstantFinder& constants) {
  std::vector<SparseWeight> weights;
  std::map<ConstantRef, size_t> known;
  for (const Layer& layer : context.layers(weight_ops())) {
    if (!layer.selected) {
      if (is_always_a_layer(*layer.node)) context.report.leave(*layer.node, "not selected");
      continue;
    }
    bool any = false;
    std::string reason = "it has no weight";
    for (size_t input : weight_inputs(*layer.node)) {
      SparseWeight weight;
      weight.constant = constants.find(*layer.graph, layer.node->input(input));
      std::string obstacle = why_not(layer, input, weight);
      if (!obstacle.empty()) {
        reason = std::move(obstacle);
        continue;
      }
      any = true;
      const auto [place, added] = known.try_emplace(weight.constant, weights.size());
      if (added) weights.push_back(std::move(weight));
      SparseWeight& target = weights[place->second];
      target.layers.push_back(layer);
      if (!layer.in_subgraph) target.readers.push_back({layer.node, input});
    }
    if (!any && is_always_a_layer(*layer.node)) context.report.leave(*layer.node, reason);
  }
  return weights;
}

void score_by_magnitude(SparseWeight& weight) {
  std::vector<float> size;
  for (float value : weight.tensor().data<float>()) size.push_back(std::fabs(value));
  weight.scores = unit_scores(weight.units, size);
}

void score_by_chance(SparseWeight& weight, uint64_t seed) {
  Random random(seed ^ name_seed(weight.name()));
  weight.scores.resize(static_cast<size_t>(weight.units.count()));
  for (float& score : weight.scores) score = random.uniform();
}

void choose_masks(std::vector<SparseWeight>& weights, bool global, double sparsity, bool by_row) {
  if (!global) {
    for (SparseWeight& weight : weights) {
      weight.mask = lowest(weight.units, weight.scores, weight.sparsity, by_row);
    }
    return;
  }
  std::vector<float> all;
  for (const SparseWeight& weight : weights) {
    all.insert(all.end(), weight.scores.begin(), weight.scores.end());
  }
  if (all.empty()) return;
  const auto count = static_cast<size_t>(std::llround(sparsity * static_cast<double>(all.size())));
  float threshold = INFINITY;
  if (count < all.size()) {
    const auto place = all.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(all.begin(), place, all.end());
    threshold = *place;
  }
  for (SparseWeight& weight : weights) {
    if (weight.obstacle.empty()) weight.mask = below(weight.units, weight.scores, threshold);
  }
}

Tensor masked(const Tensor& weight, const WeightMask& mask) {
  Tensor result = weight.clone();
  const std::span<float> w = result.mutable_data<float>();
  for (size_t i = 0; i < w.size(); ++i) {
    if (mask[i]) w[i] = 0;
  }
  return result;
}

}  // namespace whittle
