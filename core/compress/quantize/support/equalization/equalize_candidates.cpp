#include "core/compress/quantize/support/equalization/equalize_candidates.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/equalization/channel_text.h"

namespace whittle {
namespace {

using nlohmann::json;

/** The selected layers by node index; the others are reported with their reasons. */
std::map<int, Layer> choose_layers(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  const GraphIndex index(graph);
  std::map<int, Layer> chosen;
  for (Layer& layer : context.layers({"Conv", "Gemm", "MatMul"})) {
    std::string reason;
    if (layer.in_subgraph) {
      reason = "it lies inside a subgraph";
    } else if (!layer.selected) {
      reason = "not selected";
    } else {
      reason = ChannelLayer::obstacle(graph, index, *layer.node);
    }
    if (reason.empty()) {
      chosen.emplace(static_cast<int>(layer.node - graph.nodes.data()), std::move(layer));
    } else {
      context.report.leave(*layer.node, std::move(reason));
    }
  }
  return chosen;
}

}  // namespace

std::string clip_form_name(ClipForm form) {
  return form == ClipForm::relu ? "relu" : form == ClipForm::min ? "min" : "keep";
}

ClipForm clip_form_of(const std::string& name) {
  return name == "relu" ? ClipForm::relu : name == "min" ? ClipForm::min : ClipForm::keep;
}

std::vector<EqualizeCandidate> find_candidates(TechniqueContext& context,
                                               const std::string& repeats) {
  const Graph& graph = context.model.graph;
  const GraphIndex index(graph);
  const std::map<int, Layer> layers = choose_layers(context);
  std::set<int> indices;
  for (const auto& [i, layer] : layers) indices.insert(i);
  std::vector<EqualizeCandidate> candidates;
  std::set<int> grouped;
  for (const auto& [i, layer] : layers) {
    if (grouped.contains(i)) continue;
    EqualizeCandidate candidate;
    candidate.group = group_from(graph, index, indices, i);
    std::string reason = candidate.group.obstacle;
    const bool left = !candidate.group.clips.empty() && layer.options.text("clip") == "keep" &&
                      !layer.options.given(repeats);
    if (reason.empty() && left) reason = "its Clip is to be kept";
    if (!reason.empty()) {
      context.report.leave(*layer.node, std::move(reason));
      continue;
    }
    for (const GroupMaker& maker : candidate.group.makers) {
      grouped.insert(maker.node);
      candidate.options.push_back(layers.at(maker.node).options);
    }
    candidate.name = layer.name();
    candidate.clip = clip_form_of(layer.options.text("clip"));
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

void watch_makers(const EqualizeCandidate& candidate, std::map<ValueId, WatchedChannels>& watched) {
  const ChannelGroup& group = candidate.group;
  const float bound = group.clips.empty() ? INFINITY : group.clips[0].high;
  for (const GroupMaker& maker : group.makers) watched[maker.value] = {maker.axis, bound};
  for (ValueId sum : group.sums) watched[sum] = {group.makers[0].axis, bound};
}

void take_statistics(const std::map<ValueId, ChannelStatistics>& statistics,
                     EqualizeCandidate& candidate) {
  const auto of = [&](ValueId id) {
    const auto found = statistics.find(id);
    return found == statistics.end() ? ChannelStatistics() : found->second;
  };
  for (const GroupMaker& maker : candidate.group.makers) {
    ChannelStatistics seen = of(maker.value);
    // What is negative does not pass the Relu.
    if (maker.rectified) {
      for (float& low : seen.min) low = std::max(low, 0.0f);
    }
    candidate.statistics.push_back(std::move(seen));
  }
  for (ValueId sum : candidate.group.sums) candidate.statistics.push_back(of(sum));
}

ClipForm choose_clip_form(const EqualizeCandidate& candidate) {
  const ChannelStatistics& seen = candidate.statistics[0];
  double cut = 0;
  for (double each : seen.cut) cut += each;
  const double step = candidate.group.clips[0].high / 255.0;
  const double noise = static_cast<double>(seen.elements) * step * step / 12;
  return cut <= noise ? ClipForm::relu : ClipForm::keep;
}

std::vector<std::vector<float>> absorbable(const EqualizeCandidate& candidate) {
  if (!candidate.group.passes_shifts) return {};
  if (!candidate.group.clips.empty() && candidate.clip == ClipForm::keep) return {};
  std::vector<float> absorbed(candidate.statistics[0].min.size(), 0.0f);
  bool any = false;
  for (size_t c = 0; c < absorbed.size(); ++c) {
    const float low = candidate.statistics[0].min[c];
    if (low > 0) absorbed[c] = rounded_down(low);
    any = any || absorbed[c] > 0;
  }
  if (!any) return {};
  return {absorbed};
}

std::vector<std::vector<float>> read_absorbed(const EqualizeCandidate& candidate) {
  std::vector<std::vector<float>> absorbed(candidate.group.makers.size());
  bool any = false;
  for (size_t m = 0; m < absorbed.size(); ++m) {
    if (!candidate.options[m].given("absorbed")) continue;
    any = true;
    absorbed[m] = read_sparse(candidate.options[m].text("absorbed"),
                              static_cast<size_t>(candidate.group.channels), candidate.name);
  }
  return any ? absorbed : std::vector<std::vector<float>>();
}

json candidate_detail(const EqualizeCandidate& candidate, const std::vector<double>& factors) {
  const auto [low, high] = std::minmax_element(factors.begin(), factors.end());
  json detail = {{"leastFactor", *low}, {"mostFactor", *high}};
  if (!candidate.group.clips.empty()) detail["clip"] = clip_form_name(candidate.clip);
  int64_t absorbed = 0;
  for (const std::vector<float>& each : candidate.absorbed) {
    absorbed += std::count_if(each.begin(), each.end(), [](float value) { return value != 0; });
  }
  if (absorbed > 0) detail["channelsAbsorbed"] = absorbed;
  return detail;
}

void apply_candidates(TechniqueContext& context, const std::vector<EqualizeCandidate>& candidates,
                      const std::vector<std::vector<double>>& factors,
                      const std::vector<json>& rules, const std::string& unchanged,
                      json& all_rules) {
  Graph& graph = context.model.graph;
  std::vector<ScaledGroup> scaled;
  for (size_t g = 0; g < candidates.size(); ++g) {
    const EqualizeCandidate& candidate = candidates[g];
    const bool idle = candidate.absorbed.empty() && candidate.clip == ClipForm::keep &&
                      std::all_of(factors[g].begin(), factors[g].end(),
                                  [](double factor) { return factor == 1; });
    const bool left = idle && !unchanged.empty();
    if (!left) scaled.push_back({candidate.group, candidate.clip, factors[g], candidate.absorbed});
    for (size_t m = 0; m < candidate.group.makers.size(); ++m) {
      const Node& layer = graph.nodes[static_cast<size_t>(candidate.group.makers[m].node)];
      if (left) {
        context.report.leave(layer, unchanged);
        continue;
      }
      context.report.touch(layer, candidate_detail(candidate, factors[g]));
      json rule = m == 0 ? rules[g] : json{{"name", layer.name}};
      if (!candidate.absorbed.empty() && !candidate.absorbed[m].empty()) {
        rule["absorbed"] = write_sparse(candidate.absorbed[m]);
      }
      all_rules.push_back(std::move(rule));
    }
  }
  NameMaker names(graph);
  apply_factors(graph, names, scaled);
}

}  // namespace whittle
