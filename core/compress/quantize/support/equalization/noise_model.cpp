#include "core/compress/quantize/support/equalization/noise_model.h"

#include <algorithm>
#include <cmath>

namespace whittle {
namespace {

/** A channel is not taken to reach less than this share of the widest: data that has not been seen
 * may reach farther. */
constexpr double kLeastReach = 1.0 / 64;
constexpr double kActivationLevels = 255;
constexpr double kWeightLevels = 127;

/** x to a power of two. */
double power(double x, int order) {
  for (; order > 1; order /= 2) x *= x;
  return x;
}

double root(double x, int order) {
  for (; order > 1; order /= 2) x = std::sqrt(x);
  return x;
}

/** Norms over weights, of which there are many, have one order; the square root of a term is small
 * enough a power to be kept as a float. */
constexpr int kWeightOrder = 16;

double weight_power(float kept) {
  const double x = kept;
  return x * x;
}

double factor_of(std::span<const double> factors, int variable) {
  return variable < 0 ? 1.0 : factors[static_cast<size_t>(variable)];
}

void add_to(std::vector<double>* gradient, int variable, double value) {
  if (variable >= 0) (*gradient)[static_cast<size_t>(variable)] += value;
}

/** Between `most` and `mean` in proportion. */
double blend(double most, double mean, double share) {
  if (share <= 0 || !(mean > 0) || mean >= most) return most;
  return most * std::pow(mean / most, share);
}

/** The norm of f_c reach_c, its maximum for order 0. */
double reach_of(const std::vector<double>& reach, const std::vector<int>& variable,
                std::span<const double> factors, int order) {
  double most = 0;
  for (size_t c = 0; c < reach.size(); ++c) {
    most = std::max(most, reach[c] * factor_of(factors, variable[c]));
  }
  if (order == 0 || most <= 0) return most;
  double sum = 0;
  for (size_t c = 0; c < reach.size(); ++c) {
    sum += power(reach[c] * factor_of(factors, variable[c]) / most, order);
  }
  return most * root(sum, order);
}

}  // namespace

NoiseModel::NoiseModel(const Graph& graph, const std::vector<ChannelGroup>& groups,
                       const std::vector<std::vector<std::vector<float>>>& absorbed,
                       const NoiseImportance& importance,
                       const std::map<ValueId, ChannelStatistics>& statistics,
                       const NoiseForm& form)
    : graph_(graph), index_(graph), importance_(importance) {
  for (const ChannelGroup& group : groups) {
    begins_.push_back(variables_);
    variables_ += static_cast<size_t>(group.channels);
  }
  live_.assign(variables_, false);
  add_tensors(statistics, groups, absorbed, form);
  add_layers(statistics, groups, form);
}

/** Whether a scaled value will have a scale of its own. */
bool NoiseModel::is_quantized(ValueId id) const {
  const Node* producer = index_.producer(id);
  if (producer == nullptr || !importance_.reaches_layer(id)) return false;
  const bool moves = producer->is("MaxPool") || producer->is("GlobalMaxPool") ||
                     producer->is("Reshape") || producer->is("Flatten") ||
                     producer->is("Squeeze") || producer->is("Split") || producer->is("Pad") ||
                     producer->is("Resize") || producer->is("Identity") || producer->is("Dropout");
  if (moves) return false;
  const Node* reader = index_.only_consumer(id);
  if (reader == nullptr) return true;
  // The range of a Concat is that of its inputs; an activation or a bias is part of its layer.
  if (reader->is("Concat")) return false;
  const bool sums =
      producer->is("Conv") || producer->is("Gemm") || producer->is("MatMul") || producer->is("Add");
  const bool bias = reader->is("Add") && (graph_.value(reader->inputs[0]).is_constant() ||
                                          graph_.value(reader->inputs[1]).is_constant());
  return !(sums && (reader->is("Relu") || reader->is("Clip") || bias));
}

void NoiseModel::add_tensors(const std::map<ValueId, ChannelStatistics>& statistics,
                             const std::vector<ChannelGroup>& groups,
                             const std::vector<std::vector<std::vector<float>>>& absorbed,
                             const NoiseForm& form) {
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const GroupValue& value : groups[g].values) {
      std::vector<int>& variable = scaled_[value.id];
      std::vector<double>& shift = shift_[value.id];
      if (variable.empty()) variable.assign(value.channels.size(), -1);
      if (shift.empty()) shift.assign(value.channels.size(), 0.0);
      for (size_t i = 0; i < variable.size(); ++i) {
        const int c = value.channels[i];
        if (c < 0) continue;
        variable[i] = static_cast<int>(begins_[g]) + c;
        shift[i] = shift_at(value, i, absorbed[g]);
      }
    }
  }
  for (const auto& [id, variable] : scaled_) {
    const auto found = statistics.find(id);
    if (found == statistics.end() || found->second.channels() != variable.size()) continue;
    const ChannelStatistics& seen = found->second;
    for (size_t c = 0; c < variable.size(); ++c) {
      if (variable[c] >= 0 && (seen.max[c] > 0 || seen.min[c] < 0)) {
        live_[static_cast<size_t>(variable[c])] = true;
      }
    }
    TensorTerm term;
    term.importance = importance_.of(id);
    term.variable = variable;
    if (!is_quantized(id) || term.importance.size() != variable.size()) continue;
    double widest = 0;
    for (size_t c = 0; c < variable.size(); ++c) {
      const double shift = shift_.at(id)[c];
      term.high.push_back(
          blend(std::max(0.0, seen.max[c] - shift), seen.mean_high(c) - shift, form.typical));
      term.low.push_back(
          blend(std::max(0.0, shift - seen.min[c]), shift - seen.mean_low(c), form.typical));
      widest = std::max({widest, term.high[c], term.low[c]});
    }
    for (size_t c = 0; c < variable.size(); ++c) {
      double& farther = term.high[c] >= term.low[c] ? term.high[c] : term.low[c];
      farther = std::max(farther, kLeastReach * widest);
    }
    tensors_.push_back(std::move(term));
  }
}

void NoiseModel::add_layers(const std::map<ValueId, ChannelStatistics>& statistics,
                            const std::vector<ChannelGroup>& groups, const NoiseForm& form) {
  std::map<int, LayerTerm> terms;
  const auto term_of = [&](int i) -> LayerTerm& {
    const Node& node = graph_.nodes[static_cast<size_t>(i)];
    return terms
        .try_emplace(i, LayerTerm{ChannelLayer(graph_, node), false, 0, {}, {}, {}, {}, {}, {}})
        .first->second;
  };
  for (size_t g = 0; g < groups.size(); ++g) {
    const int begin = static_cast<int>(begins_[g]);
    for (const GroupMaker& maker : groups[g].makers) {
      std::vector<int>& out = term_of(maker.node).out;
      for (int c = 0; c < groups[g].channels; ++c) out.push_back(begin + c);
    }
    for (const GroupReader& reader : groups[g].readers) {
      std::vector<int>& in = term_of(reader.node).in;
      if (in.empty()) in.assign(reader.channels.size(), -1);
      for (size_t i = 0; i < in.size(); ++i) {
        if (reader.channels[i] >= 0) in[i] = begin + reader.channels[i];
      }
    }
  }
  for (auto& [i, term] : terms) {
    const Node& node = graph_.nodes[static_cast<size_t>(i)];
    const bool depthwise = term.layer.row() == 1;
    term.per_tensor = form.weights_per_tensor && !(depthwise && form.depthwise_per_channel);
    // With a step for each row neither a factor of the row nor one of its only input matters.
    if (!term.per_tensor && (depthwise || term.in.empty())) continue;
    const auto found = statistics.find(node.input(0));
    term.importance = importance_.of(node.output(0));
    const auto inputs = static_cast<size_t>(term.layer.inputs());
    if (found == statistics.end() || found->second.channels() != inputs) continue;
    if (static_cast<int64_t>(term.importance.size()) != term.layer.outputs()) continue;
    const auto shift = shift_.find(node.input(0));
    for (size_t c = 0; c < inputs; ++c) {
      const double s = shift == shift_.end() ? 0 : shift->second[c];
      const double square = found->second.mean_square(c) - 2 * s * found->second.mean(c) + s * s;
      term.energy.push_back(std::max(0.0, square) * static_cast<double>(term.layer.taps()));
    }
    if (term.in.empty()) term.in.assign(inputs, -1);
    if (term.out.empty()) term.out.assign(static_cast<size_t>(term.layer.outputs()), -1);
    term.largest = term.layer.largest(*graph_.constant(node.input(1)));
    term.scale = *std::max_element(term.largest.begin(), term.largest.end());
    if (!(term.scale > 0)) continue;
    for (float& w : term.largest) {
      w = static_cast<float>(w / term.scale);
      term.kept.push_back(static_cast<float>(power(w, kWeightOrder / 2)));
    }
    layers_.push_back(std::move(term));
  }
}

double NoiseModel::tensor_noise(const TensorTerm& term, std::span<const double> factors, int order,
                                std::vector<double>* gradient) {
  const double high = reach_of(term.high, term.variable, factors, order);
  const double low = reach_of(term.low, term.variable, factors, order);
  const double range = high + low;
  const double variance = range * range / (12 * kActivationLevels * kActivationLevels);
  double suffered = 0;
  for (size_t c = 0; c < term.importance.size(); ++c) {
    const double f = factor_of(factors, term.variable[c]);
    suffered += term.importance[c] / (f * f);
  }
  const double noise = variance * suffered;
  if (order == 0 || !(range > 0)) return noise;
  for (size_t c = 0; c < term.importance.size(); ++c) {
    if (term.variable[c] < 0) continue;
    const double f = factor_of(factors, term.variable[c]);
    double share = 0;  // of the channel in the range
    if (high > 0) share += high * power(term.high[c] * f / high, order);
    if (low > 0) share += low * power(term.low[c] * f / low, order);
    add_to(gradient, term.variable[c],
           2 * noise * share / range - 2 * variance * term.importance[c] / (f * f));
  }
  return noise;
}

double NoiseModel::row_noise(const LayerTerm& term, std::span<const double> factors,
                             std::vector<double>* gradient) {
  const bool exact = gradient == nullptr;
  const int order = exact ? 0 : kWeightOrder;
  const ChannelLayer& layer = term.layer;
  const size_t inputs = term.in.size();
  std::vector<double> divided(inputs);  // energy f^2
  std::vector<double> inverse(inputs);  // 1 / f, for the norm its power
  for (size_t i = 0; i < inputs; ++i) {
    const double f = factor_of(factors, term.in[i]);
    divided[i] = term.energy[i] * f * f;
    inverse[i] = power(1 / f, order);
  }
  const double unit = term.scale * term.scale / (12 * kWeightLevels * kWeightLevels);
  std::vector<double> on_weights(!exact ? inputs : 0, 0.0);
  std::vector<double> on_inputs(on_weights.size(), 0.0);
  const auto row = static_cast<size_t>(layer.row());
  double noise = 0;
  for (size_t o = 0; o < term.importance.size(); ++o) {
    const auto first = static_cast<size_t>(layer.input_of(static_cast<int64_t>(o), 0));
    double power_sum = 0;
    for (size_t j = 0; j < row; ++j) power_sum += divided[first + j];
    double square = 0;
    if (exact) {
      double most = 0;
      for (size_t j = 0; j < row; ++j) {
        most = std::max(most, term.largest[o * row + j] * inverse[first + j]);
      }
      noise += term.importance[o] * unit * most * most * power_sum;
      continue;
    }
    double sum = 0;
    for (size_t j = 0; j < row; ++j) {
      sum += weight_power(term.kept[o * row + j]) * inverse[first + j];
    }
    if (!(sum > 0)) continue;
    square = root(sum, order / 2);
    const double mine = term.importance[o] * unit * square * power_sum;
    noise += mine;
    const double by_weight = 2 * mine / sum;
    const double by_input = 2 * term.importance[o] * unit * square;
    for (size_t j = 0; j < row; ++j) {
      on_weights[first + j] += by_weight * weight_power(term.kept[o * row + j]);
      on_inputs[first + j] += by_input;
    }
  }
  for (size_t i = 0; i < on_weights.size(); ++i) {
    add_to(gradient, term.in[i], on_inputs[i] * divided[i] - on_weights[i] * inverse[i]);
  }
  return noise;
}

double NoiseModel::whole_noise(const LayerTerm& term, std::span<const double> factors,
                               std::vector<double>* gradient) {
  const bool exact = gradient == nullptr;
  const int order = exact ? 0 : kWeightOrder;
  const ChannelLayer& layer = term.layer;
  const size_t inputs = term.in.size();
  const size_t outputs = term.out.size();
  const auto row = static_cast<size_t>(layer.row());
  std::vector<double> divided(inputs);
  std::vector<double> inverse(inputs);
  std::vector<double> by_input(inputs, 0.0);  // importance of the outputs that read it
  for (size_t i = 0; i < inputs; ++i) {
    const double f = factor_of(factors, term.in[i]);
    divided[i] = term.energy[i] * f * f;
    inverse[i] = power(1 / f, order);
  }
  double most = 0;
  double sum = 0;
  double suffered = 0;
  std::vector<double> of_row(outputs, 0.0);     // the row's part of the sum of powers
  std::vector<double> of_input(inputs, 0.0);    // the input's
  std::vector<double> of_output(outputs, 0.0);  // the output's part of what is suffered
  for (size_t o = 0; o < outputs; ++o) {
    const auto first = static_cast<size_t>(layer.input_of(static_cast<int64_t>(o), 0));
    const double f = factor_of(factors, term.out[o]);
    const double raised = power(f, order);
    const double importance = term.importance[o] / (f * f);
    for (size_t j = 0; j < row; ++j) {
      const size_t at = o * row + j;
      of_output[o] += importance * divided[first + j];
      if (exact) {
        most = std::max(most, term.largest[at] * raised * inverse[first + j]);
        continue;
      }
      const double part = weight_power(term.kept[at]) * raised * inverse[first + j];
      of_row[o] += part;
      of_input[first + j] += part;
      by_input[first + j] += importance;
    }
    sum += of_row[o];
    suffered += of_output[o];
  }
  const double unit = term.scale * term.scale / (12 * kWeightLevels * kWeightLevels);
  if (exact) return unit * most * most * suffered;
  if (!(sum > 0)) return 0;
  const double variance = unit * root(sum, order / 2);
  const double noise = variance * suffered;
  for (size_t o = 0; o < outputs; ++o) {
    add_to(gradient, term.out[o], 2 * noise * of_row[o] / sum - 2 * variance * of_output[o]);
  }
  for (size_t i = 0; i < inputs; ++i) {
    add_to(gradient, term.in[i],
           2 * variance * by_input[i] * divided[i] - 2 * noise * of_input[i] / sum);
  }
  return noise;
}

double NoiseModel::total(std::span<const double> logs, int order,
                         std::vector<double>* gradient) const {
  std::vector<double> factors(logs.begin(), logs.end());
  for (double& each : factors) each = std::exp(each);
  if (gradient != nullptr) gradient->assign(variables_, 0.0);
  double noise = 0;
  for (const TensorTerm& term : tensors_) noise += tensor_noise(term, factors, order, gradient);
  for (const LayerTerm& term : layers_) {
    noise +=
        term.per_tensor ? whole_noise(term, factors, gradient) : row_noise(term, factors, gradient);
  }
  return noise;
}

double NoiseModel::noise(std::span<const double> logs) const {
  return total(logs, 0, nullptr);
}

double NoiseModel::smooth_noise(std::span<const double> logs, int order,
                                std::vector<double>& gradient) const {
  return total(logs, order, &gradient);
}

}  // namespace whittle
