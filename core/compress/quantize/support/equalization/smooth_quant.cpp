#include "core/compress/quantize/support/equalization/smooth_quant.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/equalization/channel_flow.h"
#include "core/compress/quantize/support/equalization/channel_layer.h"
#include "core/compress/quantize/support/equalization/channel_statistics.h"
#include "core/compress/quantize/support/equalization/channel_text.h"
#include "core/compress/quantize/support/equalization/smooth_sites.h"

namespace whittle {
namespace {

using nlohmann::json;

struct ChosenSite {
  SmoothSite site;
  Options options;           // of its first layer
  std::vector<int> factors;  // steps of s, [channels]
};

int last_axis(const Graph& graph, ValueId id) {
  const auto& dims = graph.value(id).dims;
  return dims ? static_cast<int>(dims->size()) - 1 : -1;
}

std::vector<ChosenSite> choose_sites(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  const GraphIndex index(graph);
  std::map<int, Options> layers;
  std::set<int> indices;
  for (const Layer& layer : context.layers({"Conv", "Gemm", "MatMul"})) {
    std::string reason;
    if (layer.in_subgraph) {
      reason = "it lies inside a subgraph";
    } else if (!layer.selected) {
      reason = "not selected";
    } else if (layer.node->is("Conv")) {
      reason = "SmoothQuant is for products of matrices";
    } else {
      reason = ChannelLayer::obstacle(graph, index, *layer.node);
    }
    if (!reason.empty()) {
      context.report.leave(*layer.node, std::move(reason));
      continue;
    }
    const int i = static_cast<int>(layer.node - graph.nodes.data());
    layers.emplace(i, layer.options);
    indices.insert(i);
  }
  std::vector<ChosenSite> chosen;
  for (SmoothSite& site : find_smooth_sites(graph, index, indices)) {
    const Options& options = layers.at(site.readers[0]);
    const bool wide =
        channels_along(graph, site.value, last_axis(graph, site.value)) == site.channels;
    if (wide && (site.obstacle.empty() || options.boolean("insert"))) {
      chosen.push_back({std::move(site), options, {}});
      continue;
    }
    for (int i : site.readers) {
      context.report.leave(graph.nodes[static_cast<size_t>(i)], site.obstacle);
    }
  }
  return chosen;
}

/** Largest |w| that any reader has for each input channel. */
std::vector<double> largest_weights(const Graph& graph, const SmoothSite& site) {
  std::vector<double> most(static_cast<size_t>(site.channels), 0.0);
  for (int i : site.readers) {
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    const ChannelLayer layer(graph, node);
    const std::vector<float> largest = layer.largest(*graph.constant(node.input(1)));
    size_t at = 0;
    for (int64_t o = 0; o < layer.outputs(); ++o) {
      for (int64_t j = 0; j < layer.row(); ++j, ++at) {
        double& known = most[static_cast<size_t>(layer.input_of(o, j))];
        known = std::max<double>(known, largest[at]);
      }
    }
  }
  return most;
}

/** The paper's factors in steps; 1 for a channel that is dead on either side. */
std::vector<int> factors_of(const Graph& graph, const SmoothSite& site,
                            const ChannelStatistics& seen, double alpha) {
  const std::vector<double> weights = largest_weights(graph, site);
  std::vector<double> logs(weights.size(), 0.0);
  std::vector<bool> live(weights.size(), false);
  double sum = 0;
  int64_t count = 0;
  for (size_t j = 0; j < weights.size(); ++j) {
    const double reach = std::max(std::fabs(seen.max[j]), std::fabs(seen.min[j]));
    if (!(reach > 0) || !(weights[j] > 0)) continue;
    live[j] = true;
    logs[j] = alpha * std::log2(reach) - (1 - alpha) * std::log2(weights[j]);
    sum += logs[j];
    ++count;
  }
  // A factor common to all channels changes no rounding: their mean is made 1.
  const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
  std::vector<int> steps;
  for (size_t j = 0; j < logs.size(); ++j) {
    steps.push_back(live[j] ? factor_near(std::exp2(logs[j] - mean)) : 0);
  }
  return steps;
}

void divide_row(Graph& graph, NameMaker& names, ValueId& id, const std::vector<double>& inverse) {
  Tensor row = graph.value(id).constant.clone();
  const std::span<float> values = row.mutable_data<float>();
  for (size_t j = 0; j < values.size(); ++j) values[j] = static_cast<float>(values[j] * inverse[j]);
  const std::string origin = graph.value(id).origin_name();
  id = graph.add_constant(names.fresh("c"), row);
  graph.value(id).origin = origin;
}

/** A division of its own in front of the layers, where nothing else takes it. Behind all other
 * nodes until they are sorted. */
void insert_division(Graph& graph, NameMaker& names, const SmoothSite& site,
                     const std::vector<double>& inverse) {
  Tensor row = Tensor::allocate(DType::f32, {site.channels});
  const std::span<float> values = row.mutable_data<float>();
  for (size_t j = 0; j < values.size(); ++j) values[j] = static_cast<float>(inverse[j]);
  const ValueId factors = graph.add_constant(names.fresh("c"), row);
  const ValueId divided =
      graph.add_value(names.fresh("e"), DType::f32, graph.value(site.value).dims);
  for (int i : site.readers) graph.nodes[static_cast<size_t>(i)].inputs[0] = divided;
  Node division;
  division.op = "Mul";
  division.name = names.fresh("n");
  division.inputs = {site.value, factors};
  division.outputs = {divided};
  graph.nodes.push_back(std::move(division));
}

void apply(Graph& graph, NameMaker& names, const ChosenSite& chosen) {
  std::vector<double> inverse;
  for (int k : chosen.factors) inverse.push_back(factor_value(-k));
  if (!chosen.site.obstacle.empty()) insert_division(graph, names, chosen.site, inverse);
  for (int i : chosen.site.readers) {
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    Tensor& weight = graph.value(node.inputs[1]).constant;
    weight = ChannelLayer(graph, node).scaled(weight, {}, inverse);
  }
  for (const SmoothSink& sink : chosen.site.sinks) {
    Node& node = graph.nodes[static_cast<size_t>(sink.node)];
    if (!sink.layer) {
      divide_row(graph, names, node.inputs[sink.input], inverse);
      continue;
    }
    const ChannelLayer layer(graph, node);
    Tensor& weight = graph.value(node.inputs[1]).constant;
    weight = layer.scaled(weight, inverse, {});
    if (node.is("MatMul") || node.input(2) == kNoValue) continue;
    std::vector<float> bias = bias_of(graph, node, layer.outputs());
    for (size_t j = 0; j < bias.size(); ++j) bias[j] = static_cast<float>(bias[j] * inverse[j]);
    set_bias(graph, names, node, bias);
  }
  for (ValueId id : chosen.site.values) {
    graph.value(id).name = names.fresh("e");
    graph.value(id).origin.clear();
  }
}

void finish(TechniqueContext& context, const std::vector<ChosenSite>& sites) {
  Graph& graph = context.model.graph;
  NameMaker names(graph);
  json rules = json::array();
  for (const ChosenSite& chosen : sites) {
    const auto [least, most] = std::minmax_element(chosen.factors.begin(), chosen.factors.end());
    for (int i : chosen.site.readers) {
      const Node& node = graph.nodes[static_cast<size_t>(i)];
      context.report.touch(
          node, {{"leastFactor", factor_value(*least)}, {"mostFactor", factor_value(*most)}});
      rules.push_back({{"name", node.name}});
      if (i == chosen.site.readers[0]) rules.back()["smoothed"] = write_levels(chosen.factors);
    }
    apply(graph, names, chosen);
  }
  if (rules.empty()) return;
  sort_topologically(graph);
  context.report.explicit_step = {
      {"technique", "equalize"}, {"method", "given"}, {"insert", true}, {"layers", rules}};
}

}  // namespace

Job smooth_layers(TechniqueContext& context) {
  std::vector<ChosenSite> sites = choose_sites(context);
  if (sites.empty()) {
    context.report.explicit_step = {{"technique", "equalize"}, {"method", "given"}};
    co_return;
  }
  std::map<ValueId, WatchedChannels> watched;
  for (const ChosenSite& chosen : sites) {
    const ValueId id = chosen.site.value;
    watched[id] = {last_axis(context.model.graph, id), INFINITY};
  }
  std::map<ValueId, ChannelStatistics> statistics;
  co_await watch_channels(context, watched, context.options.integer("samples"), statistics);
  for (ChosenSite& chosen : sites) {
    const ChannelStatistics& seen = statistics[chosen.site.value];
    const auto channels = static_cast<size_t>(chosen.site.channels);
    chosen.factors.assign(channels, 0);
    if (seen.channels() != channels) continue;
    chosen.factors =
        factors_of(context.model.graph, chosen.site, seen, chosen.options.number("alpha"));
  }
  finish(context, sites);
}

bool has_smoothed_layers(const TechniqueContext& context) {
  return std::any_of(context.rules.begin(), context.rules.end(),
                     [](const LayerRule& rule) { return rule.overrides.contains("smoothed"); });
}

Job smooth_as_given(TechniqueContext& context) {
  std::vector<ChosenSite> sites = choose_sites(context);
  co_await report_progress("equalize", "", 0, 1);
  for (ChosenSite& chosen : sites) {
    const auto channels = static_cast<size_t>(chosen.site.channels);
    const std::string& name =
        context.model.graph.nodes[static_cast<size_t>(chosen.site.readers[0])].name;
    chosen.factors.assign(channels, 0);
    if (!chosen.options.given("smoothed")) continue;
    chosen.factors = read_levels(chosen.options.text("smoothed"), channels, name, kFactorLimit);
  }
  finish(context, sites);
}

}  // namespace whittle
