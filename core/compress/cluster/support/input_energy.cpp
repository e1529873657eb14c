#include "core/compress/cluster/support/input_energy.h"

#include <algorithm>

#include "core/compress/observed_model.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

/** What the channel of a factor's element multiplies: the weight's index along its input axis. */
struct InputIndex {
  WeightAxes axes;
  const Shape& shape;
  size_t group_outputs = 0;  // of a grouped convolution: output channels of a group, else 0

  size_t operator()(size_t i) const {
    const auto at = [&](int axis) {
      const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
      return i / inner % static_cast<size_t>(shape[axis]);
    };
    const size_t first = group_outputs == 0 ? 0
                                            : at(axes.channel) / group_outputs *
                                                  static_cast<size_t>(shape[axes.input]);
    return first + at(axes.input);
  }
};

}  // namespace

InputEnergy::Factor InputEnergy::factor_of(const Node& node, size_t input) {
  const bool channels_last = !node.is("Conv") && !node.is("ConvTranspose");
  if (node.is("Gather")) return {kNoValue, channels_last};
  if (node.is("MatMul")) return {node.input(1 - input), channels_last};
  // The recurrent matrix is multiplied with the states, which are the layer's output.
  if (input == 2) return {node.outputs.empty() ? kNoValue : node.outputs[0], channels_last};
  return {node.input(0), channels_last};
}

void InputEnergy::add_squares(const Tensor& value, bool channels_last, std::vector<double>& sums) {
  const Shape& shape = value.shape();
  const int axis = channels_last ? shape.rank() - 1 : 1;
  if (value.dtype() != DType::f32 || axis < 0 || axis >= shape.rank()) return;
  const auto channels = static_cast<size_t>(shape[axis]);
  const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
  sums.resize(channels, 0.0);
  const std::span<const float> x = value.data<float>();
  for (size_t first = 0, channel = 0; first < x.size(); first += inner) {
    double sum = 0;
    for (size_t i = first; i < first + inner; ++i) sum += static_cast<double>(x[i]) * x[i];
    sums[channel] += sum;
    if (++channel == channels) channel = 0;
  }
}

Job InputEnergy::observe(TechniqueContext& context, const std::vector<Layer>& layers) {
  std::vector<ValueId> values;
  for (const Layer& layer : layers) {
    if (!layer.selected || layer.in_subgraph) continue;
    for (size_t input : weight_inputs(*layer.node)) {
      const Factor factor = factor_of(*layer.node, input);
      if (factor.first == kNoValue) continue;
      if (context.model.graph.value(factor.first).is_constant()) continue;
      sums_.try_emplace(factor);
      if (std::find(values.begin(), values.end(), factor.first) == values.end()) {
        values.push_back(factor.first);
      }
    }
  }
  ObservedModel model(context, context.model, values, [this](ValueId id, const Tensor& value) {
    for (const bool channels_last : {false, true}) {
      const auto found = sums_.find({id, channels_last});
      if (found != sums_.end()) add_squares(value, channels_last, found->second);
    }
  });
  int64_t count = 0;
  while (true) {
    const std::optional<Sample> sample = co_await next_sample("observe inputs", "", count, -1);
    if (!sample) break;
    context.cancel.poll();
    model.run(*sample, ++count);
  }
  require_samples(count, "palettize");
}

bool InputEnergy::add_importance(const Node& node, size_t input, const Shape& shape,
                                 std::vector<float>& importance) const {
  const auto found = sums_.find(factor_of(node, input));
  const std::optional<WeightAxes> axes = weight_axes(node, input, shape);
  if (found == sums_.end() || !axes) return false;
  const std::vector<double>& squares = found->second;
  const auto groups = static_cast<size_t>(node.is("Conv") ? node.int_attribute("group", 1) : 1);
  const auto inputs = static_cast<size_t>(shape[axes->input]);
  double total = 0;
  for (double square : squares) total += square;
  if (squares.size() != inputs * groups || !(total > 0)) return false;
  const double mean = total / static_cast<double>(squares.size());
  InputIndex index{*axes, shape, 0};
  if (groups > 1) index.group_outputs = static_cast<size_t>(shape[axes->channel]) / groups;
  for (size_t i = 0; i < importance.size(); ++i) {
    importance[i] += static_cast<float>(squares[index(i)] / mean);
  }
  return true;
}

}  // namespace whittle
