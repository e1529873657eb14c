#include "core/compress/quantize/support/equalize_layers.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/apply_factors.h"
#include "core/compress/quantize/support/channel_statistics.h"
#include "core/compress/quantize/support/channel_text.h"
#include "core/compress/quantize/support/cross_layer.h"

namespace whittle {
namespace {

using nlohmann::json;

/** A group at work: what its layer's options say, and what the data showed. */
struct Candidate {
  ChannelGroup group;
  Options options;
  std::string name;                           // of the first maker
  std::vector<ChannelStatistics> statistics;  // of each maker's value, then of each sum
  ClipForm clip = ClipForm::keep;
  std::vector<int> levels;      // [channels] or empty
  std::vector<float> absorbed;  // [channels] or empty
};

std::string form_name(ClipForm form) {
  return form == ClipForm::relu ? "relu" : form == ClipForm::min ? "min" : "keep";
}

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

std::vector<Candidate> find_candidates(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  const GraphIndex index(graph);
  const std::map<int, Layer> layers = choose_layers(context);
  std::set<int> indices;
  for (const auto& [i, layer] : layers) indices.insert(i);
  std::vector<Candidate> candidates;
  std::set<int> grouped;
  for (const auto& [i, layer] : layers) {
    if (grouped.contains(i)) continue;
    Candidate candidate;
    candidate.group = group_from(graph, index, indices, i);
    std::string reason = candidate.group.obstacle;
    const bool left = !candidate.group.clips.empty() && layer.options.text("clip") == "keep" &&
                      !layer.options.given("levels");
    if (reason.empty() && left) reason = "its Clip is to be kept";
    if (!reason.empty()) {
      context.report.leave(*layer.node, std::move(reason));
      continue;
    }
    for (const GroupMaker& maker : candidate.group.makers) grouped.insert(maker.node);
    candidate.options = layer.options;
    candidate.name = layer.name();
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

Job look_at_channels(TechniqueContext& context, std::vector<Candidate>& candidates) {
  std::map<ValueId, WatchedChannels> watched;
  for (const Candidate& candidate : candidates) {
    const ChannelGroup& group = candidate.group;
    const float bound = group.clips.empty() ? INFINITY : group.clips[0].high;
    for (const GroupMaker& maker : group.makers) watched[maker.value] = {maker.axis, bound};
    for (ValueId sum : group.sums) watched[sum] = {group.makers[0].axis, bound};
  }
  std::map<ValueId, ChannelStatistics> statistics;
  co_await watch_channels(context, watched, context.options.integer("samples"), statistics);
  for (Candidate& candidate : candidates) {
    const ChannelGroup& group = candidate.group;
    for (const GroupMaker& maker : group.makers) {
      ChannelStatistics& seen = statistics[maker.value];
      // What is negative does not pass the Relu.
      if (maker.rectified)
        std::replace_if(
            seen.min.begin(), seen.min.end(), [](float low) { return low < 0; }, 0.0f);
      candidate.statistics.push_back(seen);
    }
    for (ValueId sum : group.sums) candidate.statistics.push_back(statistics[sum]);
  }
}

/** What a layer rule of a report spells out. */
void read_decisions(Candidate& candidate) {
  const auto channels = static_cast<size_t>(candidate.group.channels);
  const std::string& form = candidate.options.text("clip");
  candidate.clip = form == "relu" ? ClipForm::relu : form == "min" ? ClipForm::min : ClipForm::keep;
  if (candidate.options.given("levels")) {
    candidate.levels = read_levels(candidate.options.text("levels"), channels, candidate.name);
  }
  if (candidate.options.given("absorbed")) {
    candidate.absorbed = read_sparse(candidate.options.text("absorbed"), channels, candidate.name);
  }
}

/** How far the channels of a value reach from zero, relative to the bound of the Clip behind it, or
 * to the channel that reaches farthest. */
std::vector<double> reach_of(const ChannelStatistics& seen, const ChannelGroup& group) {
  std::vector<double> reach;
  for (size_t c = 0; c < seen.max.size(); ++c) {
    reach.push_back(std::max({0.0f, seen.max[c], -seen.min[c]}));
  }
  const double most = reach.empty() ? 0 : *std::max_element(reach.begin(), reach.end());
  const double whole = group.clips.empty() ? most : group.clips[0].high;
  for (double& each : reach) each = whole > 0 ? each / whole : 0;
  return reach;
}

std::vector<int> levels_of(const Candidate& candidate) {
  const auto channels = static_cast<size_t>(candidate.group.channels);
  std::vector<double> most(channels, 0.0);
  for (const ChannelStatistics& seen : candidate.statistics) {
    const std::vector<double> reach = reach_of(seen, candidate.group);
    for (size_t c = 0; c < reach.size(); ++c) most[c] = std::max(most[c], reach[c]);
  }
  std::vector<int> levels;
  for (double each : most) levels.push_back(level_at_least(each));
  return levels;
}

ClipForm choose_form(const Candidate& candidate) {
  const ChannelStatistics& seen = candidate.statistics[0];
  double cut = 0;
  for (double each : seen.cut) cut += each;
  const double step = candidate.group.clips[0].high / 255.0;
  const double noise = static_cast<double>(seen.elements) * step * step / 12;
  return cut <= noise ? ClipForm::relu : ClipForm::keep;
}

void decide(Candidate& candidate, bool absorb) {
  read_decisions(candidate);
  if (candidate.statistics.empty() || candidate.statistics[0].max.empty()) return;
  const bool clipped = !candidate.group.clips.empty();
  if (clipped && candidate.options.text("clip") == "auto") candidate.clip = choose_form(candidate);
  if (candidate.options.given("levels")) return;
  candidate.levels = levels_of(candidate);
  if (!absorb || !candidate.group.passes_shifts) return;
  if (clipped && candidate.clip == ClipForm::keep) return;
  candidate.absorbed.assign(candidate.statistics[0].min.size(), 0.0f);
  bool any = false;
  for (size_t c = 0; c < candidate.absorbed.size(); ++c) {
    const float low = candidate.statistics[0].min[c];
    if (low > 0) candidate.absorbed[c] = rounded_down(low);
    any = any || candidate.absorbed[c] > 0;
  }
  if (!any) candidate.absorbed.clear();
}

GroupFacts facts_of(const Graph& graph, const Candidate& candidate) {
  GroupFacts facts;
  const ChannelGroup& group = candidate.group;
  const auto channels = static_cast<size_t>(group.channels);
  if (candidate.levels.empty()) {
    std::vector<double> largest(channels, 0.0);
    for (const GroupMaker& maker : group.makers) {
      const Node& layer = graph.nodes[static_cast<size_t>(maker.node)];
      std::vector<float> bias = bias_of(graph, layer, group.channels);
      for (const auto& [add, input] : maker.biases) {
        const ValueId id = graph.nodes[static_cast<size_t>(add)].inputs[input];
        for (size_t c = 0; c < channels; ++c) bias[c] += graph.constant(id)->data<float>()[c];
      }
      for (size_t c = 0; c < channels; ++c) {
        largest[c] = std::max<double>(largest[c], std::fabs(bias[c]));
      }
    }
    facts.level = largest;
    return facts;
  }
  const bool bounded = !group.clips.empty() && candidate.clip == ClipForm::keep;
  for (int k : candidate.levels) {
    facts.level.push_back(level_value(k));
    if (!bounded) continue;
    facts.least.push_back(k > 0 ? 1.0 : 0.0);
    facts.most.push_back(k > 0 ? 1.0 : level_value(-k));
  }
  return facts;
}

/** Repeats sweeps until no factor moves by a thousandth. */
Job solve(TechniqueContext& context, CrossLayerEqualizer& equalizer) {
  constexpr int kMostSweeps = 100;
  constexpr double kSettled = 1e-3;
  double moved = INFINITY;
  for (int sweep = 0; sweep < kMostSweeps && moved > kSettled; ++sweep) {
    co_await report_progress("equalize", "", sweep, kMostSweeps);
    context.cancel.poll();
    moved = equalizer.sweep();
  }
}

json explicit_rule(const Candidate& candidate) {
  json rule = {{"name", candidate.name}};
  if (!candidate.group.clips.empty()) rule["clip"] = form_name(candidate.clip);
  if (!candidate.levels.empty()) rule["levels"] = write_levels(candidate.levels);
  if (!candidate.absorbed.empty()) rule["absorbed"] = write_sparse(candidate.absorbed);
  return rule;
}

json detail_of(const Candidate& candidate, const std::vector<double>& factors) {
  const auto [low, high] = std::minmax_element(factors.begin(), factors.end());
  json detail = {{"leastFactor", *low}, {"mostFactor", *high}};
  if (!candidate.group.clips.empty()) detail["clip"] = form_name(candidate.clip);
  const auto absorbed = std::count_if(candidate.absorbed.begin(), candidate.absorbed.end(),
                                      [](float value) { return value != 0; });
  if (absorbed > 0) detail["channelsAbsorbed"] = absorbed;
  return detail;
}

}  // namespace

Job equalize_layers(TechniqueContext& context) {
  Graph& graph = context.model.graph;
  std::vector<Candidate> candidates = find_candidates(context);
  if (candidates.empty()) co_return;
  const bool absorb = context.options.boolean("absorb");
  if (absorb || context.options.text("clip") == "auto") {
    co_await look_at_channels(context, candidates);
  }
  std::vector<ChannelGroup> groups;
  std::vector<GroupFacts> facts;
  for (Candidate& candidate : candidates) {
    decide(candidate, absorb);
    groups.push_back(candidate.group);
    facts.push_back(facts_of(graph, candidate));
  }
  CrossLayerEqualizer equalizer(graph, groups, std::move(facts));
  co_await solve(context, equalizer);

  std::vector<ScaledGroup> scaled;
  json rules = json::array();
  for (size_t g = 0; g < candidates.size(); ++g) {
    const Candidate& candidate = candidates[g];
    const std::vector<double>& factors = equalizer.factors()[g];
    scaled.push_back({candidate.group, candidate.clip, factors, candidate.absorbed});
    for (const GroupMaker& maker : candidate.group.makers) {
      const Node& layer = graph.nodes[static_cast<size_t>(maker.node)];
      context.report.touch(layer, detail_of(candidate, factors));
      rules.push_back(maker.node == candidate.group.makers[0].node ? explicit_rule(candidate)
                                                                   : json{{"name", layer.name}});
    }
  }
  NameMaker names(graph);
  apply_factors(graph, names, scaled);
  context.report.explicit_step = {
      {"technique", "equalize"}, {"clip", "keep"}, {"absorb", false}, {"layers", std::move(rules)}};
}

}  // namespace whittle
