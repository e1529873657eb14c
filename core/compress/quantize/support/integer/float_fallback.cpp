#include "core/compress/quantize/support/integer/float_fallback.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/trials/candidates.h"
#include "core/compress/quantize/support/trials/sensitivity.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Candidates that run beside each other in one pass. */
constexpr int64_t kCandidates = 8;

struct Sensitivity {
  int layer = 0;
  double sqnr_db = 0;
};

Job make_model(TechniqueContext& context, const CalibratedLayers& calibrated,
               const StaticLayers& layers, Model& model) {
  StaticPlan plan;
  co_await plan_static(context, calibrated, layers, plan);
  model = context.model;
  NameMaker names(model.graph);
  emit_qdq(model.graph, names, plan.placement, plan.parameters);
}

/** The layers, the most sensitive first. */
Job rank_layers(TechniqueContext& context, const CalibratedLayers& calibrated,
                const std::vector<Sample>& samples, std::vector<Sensitivity>& ranking) {
  std::vector<std::string> names;
  std::vector<StaticLayers> alone;
  for (const auto& [index, options] : calibrated.layers) {
    names.push_back(context.model.graph.nodes[static_cast<size_t>(index)].name);
    alone.push_back({{index, options}});
  }
  const MakeTrial make = [&](size_t trial, Model& model) {
    return make_model(context, calibrated, alone[trial], model);
  };
  std::vector<Nearness> found;
  co_await measure_trials(context, samples, names, make, found);
  for (size_t i = 0; i < alone.size(); ++i) {
    ranking.push_back({alone[i].begin()->first, found[i].sqnr_db});
  }
  std::stable_sort(ranking.begin(), ranking.end(), [](const Sensitivity& a, const Sensitivity& b) {
    return a.sqnr_db < b.sqnr_db;
  });
}

StaticLayers without(const StaticLayers& layers, const std::vector<Sensitivity>& ranking,
                     int64_t count) {
  StaticLayers rest = layers;
  for (int64_t i = 0; i < count; ++i) rest.erase(ranking[static_cast<size_t>(i)].layer);
  return rest;
}

bool meets(const Nearness& nearness, const FallbackOptions& options) {
  return nearness.sqnr_db >= options.min_sqnr_db.value_or(-INFINITY) &&
         nearness.agreement >= options.min_agreement.value_or(0);
}

/** Numbers of float layers to try: from `least` in doubling steps to below `all` at first, then
 * evenly between one that failed and one that met the bound. */
std::vector<int64_t> first_counts(int64_t least, int64_t all) {
  std::vector<int64_t> counts;
  for (int64_t step = 0; least + step < all; step = std::max<int64_t>(1, step * 2)) {
    counts.push_back(least + step);
  }
  return counts;
}
std::vector<int64_t> counts_between(int64_t failed, int64_t met) {
  std::vector<int64_t> counts;
  const int64_t inside = met - failed - 1;
  const int64_t tried = std::min(inside, kCandidates);
  for (int64_t i = 1; i <= tried; ++i) counts.push_back(failed + i * (inside + 1) / (tried + 1));
  return counts;
}

/** What is known about how many float layers a bound needs. */
struct Bracket {
  int64_t failed = -1;
  int64_t met = 0;
  Nearness nearness;  // of `met`
};

/** One pass over the data with a candidate for each of `counts`. */
Job narrow(TechniqueContext& context, const CalibratedLayers& calibrated,
           const std::vector<Sensitivity>& ranking, const FallbackOptions& options,
           const std::vector<int64_t>& counts, Bracket& bracket) {
  Candidates candidates(context, context.model);
  for (int64_t count : counts) {
    const StaticLayers layers = without(calibrated.layers, ranking, count);
    Model model;
    co_await make_model(context, calibrated, layers, model);
    candidates.add(model);
  }
  co_await candidates.run_again("quantize-static", "check bound", options.samples);
  if (options.min_agreement && !candidates.has_classes()) {
    fail(Code::INVALID_OPTION, "minAgreement",
         "Expected a model with classes for minAgreement but received one whose outputs are plain "
         "values. Use minSqnr");
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    const Nearness nearness = candidates.nearness(i);
    if (meets(nearness, options)) {
      bracket.met = counts[i];
      bracket.nearness = nearness;
      co_return;
    }
    bracket.failed = counts[i];
  }
}

json rounded(double value) {
  return std::round(value * 100) / 100;
}

}  // namespace

Job choose_float_layers(TechniqueContext& context, const CalibratedLayers& calibrated,
                        const std::vector<Sample>& samples, const FallbackOptions& options,
                        StaticLayers& kept) {
  const auto all = static_cast<int64_t>(calibrated.layers.size());
  std::vector<Sensitivity> ranking;
  co_await rank_layers(context, calibrated, samples, ranking);
  const int64_t least = std::min(options.float_layers, all);
  Bracket bracket{least - 1, least, {}};
  if (options.bounded()) {
    bracket.met = all;
    std::vector<int64_t> counts = first_counts(least, all);
    for (int pass = 0; pass < kBoundPasses && !counts.empty(); ++pass) {
      co_await narrow(context, calibrated, ranking, options, counts, bracket);
      counts = counts_between(bracket.failed, bracket.met);
    }
    context.report.facts["fallback"] = {{"floatLayers", bracket.met},
                                        {"sqnrDb", rounded(bracket.nearness.sqnr_db)},
                                        {"agreement", bracket.nearness.agreement}};
    if (bracket.met == all) {
      context.report.warnings.push_back(
          "No choice of integer layers keeps the bound on the calibration data: all stay float");
    }
  }
  kept = without(calibrated.layers, ranking, bracket.met);
  json& rows = context.report.facts["sensitivity"];
  for (const Sensitivity& each : ranking) {
    const Node& node = context.model.graph.nodes[static_cast<size_t>(each.layer)];
    const bool is_float = !kept.contains(each.layer);
    if (is_float) context.report.leave(node, "kept in float: among the most sensitive");
    rows.push_back({{"layer", node.name}, {"sqnrDb", rounded(each.sqnr_db)}, {"float", is_float}});
  }
}

}  // namespace whittle
