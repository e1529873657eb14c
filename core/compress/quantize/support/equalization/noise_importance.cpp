#include "core/compress/quantize/support/equalization/noise_importance.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/equalization/channel_flow.h"
#include "core/compress/quantize/support/equalization/channel_layer.h"

namespace whittle {
namespace {

bool is_average(const Node& node) {
  return node.is("AveragePool") || node.is("GlobalAveragePool") || node.is("ReduceMean");
}

/** Changes pass where the output lies between the bounds. */
bool is_gate(const Node& node) {
  return node.is("Relu") || node.is("Clip") || node.is("HardSwish") || node.is("Swish") ||
         node.is("Gelu") || node.is("Mish") || node.is("Elu") || node.is("LeakyRelu");
}

bool is_squashing(const Node& node) {
  return node.is("Sigmoid") || node.is("HardSigmoid");
}

bool is_layer(const Graph& graph, const GraphIndex& index, const Node& node) {
  return (node.is("Conv") || node.is("Gemm") || node.is("MatMul")) &&
         ChannelLayer::obstacle(graph, index, node).empty();
}

/** The upper bound of a Clip, infinity for anything else. */
float upper_bound(const Graph& graph, const Node& node) {
  const Tensor* high = node.is("Clip") ? graph.constant(node.input(2)) : nullptr;
  return high != nullptr && high->elements() == 1 ? to_floats(*high, node.label())[0] : INFINITY;
}

}  // namespace

NoiseImportance::NoiseImportance(const Graph& graph)
    : graph_(graph), index_(graph), leads_(graph.values.size(), false) {
  for (const Node& node : graph.nodes) layers_.push_back(is_layer(graph, index_, node));
  find_axes();
  find_watched();
}

void NoiseImportance::find_axes() {
  axes_.assign(graph_.values.size(), 1);
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    int axis = 1;
    const ValueId first = node.input(0);
    if (layers_[i] && node.is("MatMul")) {
      const auto& dims = graph_.value(node.output(0)).dims;
      axis = dims ? std::max(static_cast<int>(dims->size()) - 1, 0) : 1;
    } else if (!node.is("Conv") && !node.is("Gemm")) {
      for (ValueId input : node.inputs) {
        if (input == kNoValue || graph_.value(input).is_constant()) continue;
        axis = axes_[static_cast<size_t>(input)];
        break;
      }
    }
    for (ValueId out : node.outputs) {
      if (out != kNoValue) axes_[static_cast<size_t>(out)] = axis;
    }
    // A product over the last axis: what arrives there has its channels there.
    if (node.is("MatMul") && first != kNoValue && index_.producer_index(first) < 0) {
      const auto& dims = graph_.value(first).dims;
      if (dims && dims->size() > 1) {
        axes_[static_cast<size_t>(first)] = static_cast<int>(dims->size()) - 1;
      }
    }
  }
}

NoiseImportance::Reading NoiseImportance::reading(int node, size_t input) const {
  const Node& n = graph_.nodes[static_cast<size_t>(node)];
  const ValueId id = n.inputs[input];
  if (input == 0 && layers_[static_cast<size_t>(node)]) {
    const ChannelLayer layer(graph_, n);
    if (channels_along(graph_, id, axis(id)) == layer.inputs()) return Reading::layer;
    return Reading::end;
  }
  const bool known = !channel_flows(graph_, index_, node, input, axis(id)).empty();
  return known ? Reading::flow : Reading::end;
}

void NoiseImportance::find_watched() {
  const auto watch = [&](ValueId id, float bound = INFINITY) {
    if (id == kNoValue || graph_.value(id).is_constant()) return;
    if (graph_.value(id).dtype != DType::f32 || !channels_along(graph_, id, axis(id))) return;
    watched_.try_emplace(id, WatchedChannels{axis(id), bound});
  };
  for (int i = static_cast<int>(graph_.nodes.size()) - 1; i >= 0; --i) {
    const Node& node = graph_.nodes[static_cast<size_t>(i)];
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueId id = node.inputs[k];
      if (id == kNoValue || graph_.value(id).is_constant()) continue;
      const Reading how = reading(i, k);
      if (how == Reading::layer) leads_[static_cast<size_t>(id)] = true;
      if (how == Reading::flow) {
        for (const ChannelFlow& flow : channel_flows(graph_, index_, i, k, axis(id))) {
          if (leads_[static_cast<size_t>(flow.value)]) leads_[static_cast<size_t>(id)] = true;
        }
      }
      const bool needed = how != Reading::flow || is_average(node) || node.is("Mul");
      if (needed) watch(id);
    }
    for (ValueId out : node.outputs) {
      if (out != kNoValue && index_.is_output(out)) watch(out);
    }
    const bool needed = is_gate(node) || is_squashing(node) || is_average(node);
    if (needed) {
      watch(node.output(0), upper_bound(graph_, node));
      const auto found = watched_.find(node.output(0));
      if (found != watched_.end()) found->second.bound = upper_bound(graph_, node);
    }
  }
}

/** What a flow through `node` does to a variance, for one channel of its output. */
double NoiseImportance::gain(const Node& node, size_t input, size_t channel,
                             const std::map<ValueId, ChannelStatistics>& statistics) const {
  const auto seen = [&](ValueId id) -> const ChannelStatistics* {
    const auto found = statistics.find(id);
    return found == statistics.end() || found->second.empty() ? nullptr : &found->second;
  };
  const ChannelStatistics* out = seen(node.output(0));
  if (is_gate(node)) {
    if (out == nullptr || channel >= out->channels()) return 1;
    const double share = static_cast<double>(out->inside[channel]) / out->per_channel();
    if (node.is("Relu") || node.is("Clip")) return share;
    const double slope = node.is("LeakyRelu") ? node.float_attribute("alpha", 0.01f) : 0.2;
    return share + slope * slope * (1 - share);
  }
  if (is_squashing(node)) {
    constexpr double kSteepest = 1.0 / 16;  // the slope of a sigmoid, squared
    if (out == nullptr || channel >= out->channels()) return kSteepest;
    return std::min(kSteepest, out->mean_square(channel));
  }
  if (is_average(node)) {
    const ChannelStatistics* in = seen(node.input(0));
    if (in == nullptr || out == nullptr) return 1;
    if (node.is("AveragePool")) {
      double window = 1;
      for (int64_t size : node.ints_attribute("kernel_shape")) {
        window *= static_cast<double>(size);
      }
      return 1 / window;
    }
    return std::min(1.0, out->per_channel() / in->per_channel());
  }
  if (node.is("Mul")) {
    const ValueId id = node.inputs[1 - input];
    if (const Tensor* constant = graph_.constant(id)) {
      if (constant->elements() != 1) return 1;
      const double factor = to_floats(*constant, node.label())[0];
      return factor * factor;
    }
    const ChannelStatistics* other = seen(id);
    return other == nullptr || channel >= other->channels() ? 1 : other->mean_square(channel);
  }
  return 1;
}

void NoiseImportance::add_reader(int node, ValueId id,
                                 const std::map<ValueId, ChannelStatistics>& statistics) {
  const Node& n = graph_.nodes[static_cast<size_t>(node)];
  std::vector<double>& mine = importance_[id];
  for (size_t k = 0; k < n.inputs.size(); ++k) {
    if (n.inputs[k] != id) continue;
    const Reading how = reading(node, k);
    if (how == Reading::layer) {
      const std::vector<double>& out = of(n.output(0));
      const ChannelLayer layer(graph_, n);
      if (static_cast<int64_t>(out.size()) != layer.outputs()) continue;
      const std::vector<float> squares = layer.squares(*graph_.constant(n.input(1)));
      size_t at = 0;
      for (int64_t o = 0; o < layer.outputs(); ++o) {
        for (int64_t j = 0; j < layer.row(); ++j, ++at) {
          mine[static_cast<size_t>(layer.input_of(o, j))] +=
              out[static_cast<size_t>(o)] * squares[at];
        }
      }
    } else if (how == Reading::flow) {
      for (const ChannelFlow& flow : channel_flows(graph_, index_, node, k, axis(id))) {
        const std::vector<double>& out = of(flow.value);
        if (out.size() != flow.from.size()) continue;
        for (size_t p = 0; p < out.size(); ++p) {
          if (flow.from[p] < 0) continue;
          mine[static_cast<size_t>(flow.from[p])] += out[p] * gain(n, k, p, statistics);
        }
      }
    }
  }
}

void NoiseImportance::solve(const std::map<ValueId, ChannelStatistics>& statistics) {
  const auto visit = [&](ValueId id) {
    if (id == kNoValue || graph_.value(id).is_constant()) return;
    const auto channels = channels_along(graph_, id, axis(id));
    if (!channels || importance_.contains(id)) return;
    importance_[id].assign(static_cast<size_t>(*channels), 0.0);
    bool ends = index_.is_output(id);
    for (int reader : index_.consumers(id)) {
      const Node& n = graph_.nodes[static_cast<size_t>(reader)];
      for (size_t k = 0; k < n.inputs.size(); ++k) {
        if (n.inputs[k] == id) ends = ends || reading(reader, k) == Reading::end;
      }
      add_reader(reader, id, statistics);
    }
    const auto found = statistics.find(id);
    if (!ends || found == statistics.end() || found->second.empty()) return;
    double power = 0;
    for (size_t c = 0; c < found->second.channels(); ++c) power += found->second.mean_square(c);
    if (!(power > 0)) return;
    for (double& each : importance_[id]) each += 1 / power;
  };
  for (size_t i = graph_.nodes.size(); i-- > 0;) {
    for (ValueId out : graph_.nodes[i].outputs) visit(out);
  }
  for (ValueId id : graph_.inputs) visit(id);
}

const std::vector<double>& NoiseImportance::of(ValueId id) const {
  static const std::vector<double> kUnknown;
  const auto found = importance_.find(id);
  return found == importance_.end() ? kUnknown : found->second;
}

}  // namespace whittle
