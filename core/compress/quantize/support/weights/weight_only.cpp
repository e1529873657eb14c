#include "core/compress/quantize/support/weights/weight_only.h"

#include <algorithm>

#include "core/compress/quantize/support/equalization/clip.h"
#include "core/compress/quantize/support/weights/weight_options.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

/** Name, type and attributes of a DequantizeLinear with its scales, in a file. */
constexpr int64_t kNodeBytes = 80;

std::string why_not(const ConstantRef& constant, std::optional<WeightAxes> axes,
                    const WeightFormat& wanted) {
  if (!constant.found()) return "its weights are computed at run time";
  const Tensor& tensor = constant.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weights are ", dtype_name(tensor.dtype()), ", not float32");
  }
  if (!axes || tensor.elements() == 0) return "its weight is not a matrix";
  const WeightFormat format = usable_format(wanted, tensor.shape(), *axes);
  const int64_t scales = WeightGrid::empty(tensor.shape(), *axes, format).scale_shape.elements();
  const int64_t bits = tensor.elements() * format.bits + scales * (format.symmetric ? 0 : 8);
  if (tensor.elements() * 4 <= bits / 8 + scales * 4 + kNodeBytes) {
    return concat("too small to gain from ", format.bits, " bits");
  }
  return "";
}

}  // namespace

Job WeightOnlyPlan::make_grid(TechniqueContext& context, const Layer& layer, WeightAxes axes,
                              Planned& planned) {
  const Tensor& weight = planned.constant.tensor();
  const WeightFormat format = usable_format(weight_format(layer.options), weight.shape(), axes);
  planned.grid = grid_of_range(weight, axes, format, planned.constant.value().name);
  if (clips_to_least_error(layer.options)) {
    co_await clip_to_least_error(context.cancel, weight, planned.grid);
  }
}

Job WeightOnlyPlan::make(TechniqueContext& context, const std::vector<Layer>& layers,
                         const ConstantFinder& finder) {
  std::vector<std::vector<size_t>> weights_of(layers.size());
  for (size_t at = 0; at < layers.size(); ++at) {
    const Layer& layer = layers[at];
    if (!layer.selected) {
      context.report.leave(*layer.node, "not selected");
      continue;
    }
    co_await report_progress("quantize weights", layer.name(), static_cast<int64_t>(at),
                             static_cast<int64_t>(layers.size()));
    context.cancel.poll();
    std::string reason;
    bool any_weight = false;
    for (size_t input : weight_inputs(*layer.node)) {
      const ConstantRef constant = finder.find_weight(*layer.graph, layer.node->input(input));
      any_weight = any_weight || (constant.found() && is_float(constant.tensor().dtype()));
      const bool direct = constant.owner == layer.graph && constant.owner == &context.model.graph &&
                          constant.id == layer.node->input(input);
      if (const auto known = by_constant_.find(constant); known != by_constant_.end()) {
        weights_of[at].push_back(known->second);
        const int rounded = planned_[known->second].rounded;
        if (direct && rounded >= 0) {
          rounded_[static_cast<size_t>(rounded)].readers.push_back({layer.node, input});
        }
        continue;
      }
      std::optional<WeightAxes> axes;
      if (constant.found()) axes = weight_axes(*layer.node, input, constant.tensor().shape());
      std::string obstacle = why_not(constant, axes, weight_format(layer.options));
      if (!obstacle.empty()) {
        if (reason.empty()) reason = std::move(obstacle);
        continue;
      }
      weights_of[at].push_back(planned_.size());
      by_constant_.emplace(constant, planned_.size());
      planned_.emplace_back();
      planned_.back().constant = constant;
      co_await make_grid(context, layer, *axes, planned_.back());
      if (!direct) continue;
      planned_.back().rounded = static_cast<int>(rounded_.size());
      RoundedWeight& rounded = rounded_.emplace_back();
      rounded.id = constant.id;
      rounded.weight = &constant.tensor();
      rounded.readers.push_back({layer.node, input});
      rounded.set_options(layer.options);
    }
    if (weights_of[at].empty() && (any_weight || is_always_a_layer(*layer.node))) {
      context.report.leave(*layer.node, reason);
    }
  }
  for (const Planned& planned : planned_) {
    if (planned.rounded < 0) continue;
    rounded_[static_cast<size_t>(planned.rounded)].grid = &planned.grid;
  }
  co_await round_weights(context, rounded_);
  for (Planned& planned : planned_) {
    co_await report_progress("store weights", planned.constant.value().name);
    context.cancel.poll();
    const Tensor& weight = planned.constant.tensor();
    planned.stored = planned.rounded < 0
                         ? store_codes(weight, planned.grid, round_to_nearest(weight, planned.grid))
                         : store_codes(weight, planned.grid,
                                       rounded_[static_cast<size_t>(planned.rounded)].codes);
  }
  std::vector<bool> counted(planned_.size(), false);  // a tied weight is one layer's
  for (size_t at = 0; at < layers.size(); ++at) {
    if (weights_of[at].empty()) continue;
    double worst = 300;
    int64_t weights = 0;
    int64_t scales = 0;
    for (size_t i : weights_of[at]) {
      worst = std::min(worst, planned_[i].stored.sqnr_db());
      if (counted[i]) continue;
      counted[i] = true;
      weights += planned_[i].stored.values.elements();
      scales += planned_[i].stored.scales.elements();
    }
    const WeightFormat& format = planned_[weights_of[at].front()].grid.format;
    nlohmann::json detail = {{"weightSqnrDb", worst},
                             {"format", format_name(format)},
                             {"weights", weights},
                             {"channels", scales}};
    for (size_t i : weights_of[at]) {
      if (planned_[i].rounded < 0) continue;
      const nlohmann::json& said = rounded_[static_cast<size_t>(planned_[i].rounded)].report;
      if (!said.is_null()) detail.update(said);
    }
    context.report.touch(*layers[at].node, std::move(detail));
  }
}

void WeightOnlyPlan::apply(Graph& graph, const Graph* before, NameMaker& names, ConstantPool& pool,
                           const Wanted& wanted) const {
  for (const Planned& planned : planned_) {
    if (planned.constant.owner != before || (wanted && !wanted(planned.constant))) continue;
    const QuantizedWeight& weight = planned.stored;
    std::vector<ValueId> inputs = {graph.add_constant(names.fresh("q"), weight.values),
                                   pool.get(weight.scales, "s")};
    if (weight.zero_points.defined()) inputs.push_back(pool.get(weight.zero_points, "z"));
    Attributes attributes;
    if (weight.scales.shape().rank() > 0) attributes["axis"] = static_cast<int64_t>(weight.axis);
    if (weight.block > 0) attributes["block_size"] = weight.block;
    derive_constant(graph, names, planned.constant.id, "DequantizeLinear", std::move(inputs),
                    std::move(attributes));
  }
}

}  // namespace whittle
