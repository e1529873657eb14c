#include "core/compress/quantize/support/integer/static_weights.h"

#include <algorithm>
#include <cmath>

#include "core/compress/layer_error/code_changes.h"
#include "core/compress/quantize/support/weights/rounding.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

bool is_depthwise(const Node& node, const Tensor& weight) {
  return node.is("Conv") && node.int_attribute("group", 1) > 1 && weight.shape()[1] == 1;
}

WeightFormat format_of(const Node& node, const Tensor& weight, const Options& options,
                       const std::string& target) {
  WeightFormat format;
  format.is_signed = options.text("weightType") == "s8";
  const bool depthwise = is_depthwise(node, weight);
  const bool guarded = depthwise && options.text("depthwise") == "channel";
  const bool per_tensor = options.text("weights") == "tensor" && !guarded;
  // onnxruntime 1.32 runs a depthwise convolution with a zero point per channel some 300 times
  // slower (64 channels 28x28: 45 ms against 0.1 ms).
  const bool slow = depthwise && !per_tensor && target != "whittle";
  format.symmetric = slow || options.boolean("weightSymmetric");
  format.granularity = per_tensor ? Granularity::tensor : Granularity::channel;
  return format;
}

/** Per channel, the least weight scale with which the bias fits: a bias of b needs
 * |b| / (input scale * weight scale) to lie well inside int32. */
std::vector<float> least_scales_of_bias(const Graph& graph, const Node& node, float input_scale) {
  constexpr float kLargestBias = 0x1p30f;
  const Tensor* bias = graph.constant(node.input(2));
  if (bias == nullptr || node.is("MatMul")) return {};
  std::vector<float> least;
  for (float value : to_floats(*bias, node.label())) {
    least.push_back(std::fabs(value) / input_scale / kLargestBias);
  }
  return least;
}

/** What the biases of every layer that reads a weight ask of its scales, by weight. */
std::map<ValueId, std::vector<float>> least_scales(const Graph& graph, const StaticLayers& layers,
                                                   const std::map<ValueId, Affine>& activations) {
  std::map<ValueId, std::vector<float>> least;
  for (const auto& [index, options] : layers) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    if (!has_integer_arithmetic(options)) continue;
    const std::vector<float> wanted =
        least_scales_of_bias(graph, node, activations.at(node.input(0)).scale);
    std::vector<float>& known = least[node.input(1)];
    if (known.size() < wanted.size()) known.resize(wanted.size(), 0);
    for (size_t c = 0; c < wanted.size(); ++c) known[c] = std::max(known[c], wanted[c]);
  }
  return least;
}

/** One least scale for each scale of a grid. */
std::vector<float> fitted(const std::vector<float>& least, size_t scales) {
  if (least.empty() || least.size() == scales) return least;
  return std::vector<float>(scales, *std::max_element(least.begin(), least.end()));
}

}  // namespace

const LearnedCodes::Entry* LearnedCodes::on(ValueId id, const WeightGrid& grid) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return nullptr;
  const WeightGrid& own = found->second.grid;
  const bool same = own.format.dtype() == grid.format.dtype() && own.scale == grid.scale &&
                    own.zero_point == grid.zero_point;
  return same ? &found->second : nullptr;
}

Job make_static_grids(TechniqueContext& context, const StaticLayers& layers,
                      const std::map<ValueId, Affine>& activations, WeightGrids& grids) {
  const Graph& graph = context.model.graph;
  auto least = least_scales(graph, layers, activations);
  for (const auto& [index, options] : layers) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    const ValueId id = node.input(1);
    if (grids.contains(id)) continue;
    co_await report_progress("quantize weights", node.name, static_cast<int64_t>(grids.size()),
                             static_cast<int64_t>(layers.size()));
    context.cancel.poll();
    const Value& value = graph.value(id);
    const WeightFormat format = format_of(node, value.constant, options, context.target);
    const WeightAxes axes = *weight_axes(node, 1, value.constant.shape());
    const bool per_tensor = format.granularity == Granularity::tensor;
    const auto scales =
        per_tensor ? size_t{1} : static_cast<size_t>(value.constant.shape()[axes.channel]);
    grids.emplace(
        id, grid_of_range(value.constant, axes, format, value.name, fitted(least[id], scales)));
  }
}

Job round_static_weights(TechniqueContext& context, const StaticLayers& layers,
                         const WeightGrids& grids, bool read_before, LearnedCodes& learned) {
  const Graph& graph = context.model.graph;
  std::vector<RoundedWeight> weights;
  std::map<ValueId, size_t> known;
  bool learns = false;
  for (const auto& [index, options] : layers) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    const ValueId id = node.input(1);
    const auto [place, is_new] = known.try_emplace(id, weights.size());
    if (is_new) {
      RoundedWeight& weight = weights.emplace_back();
      weight.id = id;
      weight.weight = &graph.value(id).constant;
      weight.grid = &grids.at(id);
      weight.set_options(options);
      learns = learns || weight.method != Rounding::nearest;
    }
    weights[place->second].readers.push_back({&node, 1});
  }
  const bool repeated = context.options.has("codes");
  if (!learns && !repeated) co_return;
  if (read_before && !repeated) co_await rewind_data("quantize-static");
  co_await round_weights(context, weights);
  for (RoundedWeight& weight : weights) {
    if (weight.report.is_null()) continue;
    learned.add(weight.id, {*weight.grid, std::move(weight.codes), std::move(weight.report)});
  }
}

Job quantize_static_weights(TechniqueContext& context, const WeightGrids& grids,
                            const LearnedCodes& learned,
                            std::map<ValueId, QuantizedWeight>& weights) {
  for (const auto& [id, grid] : grids) {
    const Value& value = context.model.graph.value(id);
    co_await report_progress("quantize weights", value.name, static_cast<int64_t>(weights.size()),
                             static_cast<int64_t>(grids.size()));
    context.cancel.poll();
    const LearnedCodes::Entry* entry = learned.on(id, grid);
    weights.emplace(id, entry != nullptr ? store_codes(value.constant, grid, entry->codes)
                                         : store_codes(value.constant, grid,
                                                       round_to_nearest(value.constant, grid)));
  }
}

nlohmann::json static_code_changes(const Graph& graph, const WeightGrids& grids,
                                   const LearnedCodes& learned) {
  nlohmann::json changes = nlohmann::json::object();
  for (const auto& [id, grid] : grids) {
    const LearnedCodes::Entry* entry = learned.on(id, grid);
    if (entry == nullptr) continue;
    const Value& value = graph.value(id);
    std::string text = encode_changes(round_to_nearest(value.constant, grid), entry->codes);
    if (!text.empty()) changes[value.name] = std::move(text);
  }
  return changes;
}

}  // namespace whittle
