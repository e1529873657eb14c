#include "core/compress/quantize/support/equalization/equalize_layers.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/equalization/channel_text.h"
#include "core/compress/quantize/support/equalization/cross_layer.h"
#include "core/compress/quantize/support/equalization/equalize_candidates.h"

namespace whittle {
namespace {

using nlohmann::json;

struct Candidate : EqualizeCandidate {
  std::vector<int> levels;  // [channels] or empty
};

/** What a layer rule of a report spells out. */
void read_decisions(Candidate& candidate) {
  const auto channels = static_cast<size_t>(candidate.group.channels);
  if (candidate.options[0].given("levels")) {
    candidate.levels = read_levels(candidate.options[0].text("levels"), channels, candidate.name);
  }
  candidate.absorbed = read_absorbed(candidate);
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

void decide(Candidate& candidate, bool absorb) {
  read_decisions(candidate);
  if (candidate.statistics.empty() || candidate.statistics[0].max.empty()) return;
  const bool clipped = !candidate.group.clips.empty();
  if (clipped && candidate.options[0].text("clip") == "auto")
    candidate.clip = choose_clip_form(candidate);
  if (candidate.options[0].given("levels")) return;
  candidate.levels = levels_of(candidate);
  if (absorb) candidate.absorbed = absorbable(candidate);
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
  if (!candidate.group.clips.empty()) rule["clip"] = clip_form_name(candidate.clip);
  if (!candidate.levels.empty()) rule["levels"] = write_levels(candidate.levels);
  return rule;
}

}  // namespace

Job equalize_layers(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  std::vector<Candidate> candidates;
  for (EqualizeCandidate& found : find_candidates(context, "levels")) {
    candidates.push_back({std::move(found), {}});
  }
  if (candidates.empty()) {
    context.report.explicit_step = {{"technique", "equalize"}, {"method", "given"}};
    co_return;
  }
  const bool absorb = context.options.boolean("absorb");
  if (absorb || context.options.text("clip") == "auto") {
    std::map<ValueId, WatchedChannels> watched;
    for (const Candidate& candidate : candidates) watch_makers(candidate, watched);
    std::map<ValueId, ChannelStatistics> statistics;
    co_await watch_channels(context, watched, context.options.integer("samples"), statistics);
    for (Candidate& candidate : candidates) take_statistics(statistics, candidate);
  }
  std::vector<ChannelGroup> groups;
  std::vector<GroupFacts> facts;
  std::vector<json> rules;
  for (Candidate& candidate : candidates) {
    decide(candidate, absorb);
    groups.push_back(candidate.group);
    facts.push_back(facts_of(graph, candidate));
    rules.push_back(explicit_rule(candidate));
  }
  CrossLayerEqualizer equalizer(graph, groups, std::move(facts));
  co_await solve(context, equalizer);
  json all_rules = json::array();
  const std::vector<EqualizeCandidate> decided(candidates.begin(), candidates.end());
  apply_candidates(context, decided, equalizer.factors(), rules, "", all_rules);
  context.report.explicit_step = {{"technique", "equalize"},
                                  {"method", "weights"},
                                  {"clip", "keep"},
                                  {"absorb", false},
                                  {"layers", all_rules}};
}

}  // namespace whittle
