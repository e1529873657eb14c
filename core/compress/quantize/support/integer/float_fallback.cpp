#include "core/compress/quantize/support/integer/float_fallback.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/compress/quantize/support/integer/choose_intervals.h"
#include "core/compress/quantize/support/trials/candidates.h"
#include "core/compress/quantize/support/trials/sensitivity.h"
#include "core/measure/cost.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Candidates that run beside each other in one pass. */
constexpr int64_t kCandidates = 8;

struct Sensitivity {
  int layer = 0;
  double sqnr_db = 0;
  double share = 0;  // of the model's multiply-accumulates
};

/** Multiply-accumulates by node name, of all of them, for inputs like `sample`'s. */
std::map<std::string, double> shares_of(const TechniqueContext& context, const Sample& sample) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : sample.feeds) shapes.emplace(name, tensor.shape());
  const ModelCost cost = model_cost(context.model.graph, context.ops, shapes);
  std::map<std::string, double> shares;
  for (const LayerCost& layer : cost.layers) {
    shares[layer.name] =
        static_cast<double>(layer.macs) / static_cast<double>(std::max<int64_t>(1, cost.macs));
  }
  return shares;
}

/** The layers, the most sensitive first: with a budget, those that cost most for what they take. */
Job rank_layers(TechniqueContext& context, const CalibratedLayers& calibrated,
                const std::vector<Sample>& samples, bool by_cost,
                std::vector<Sensitivity>& ranking) {
  std::vector<std::string> names;
  std::vector<StaticLayers> alone;
  for (const auto& [index, options] : calibrated.layers) {
    names.push_back(context.model.graph.nodes[static_cast<size_t>(index)].name);
    alone.push_back({{index, options}});
  }
  const MakeTrial make = [&](size_t trial, Model& model) {
    return make_integer_model(context, calibrated, alone[trial], model);
  };
  std::vector<Nearness> found;
  co_await measure_trials(context, samples, names, make, found);
  const std::map<std::string, double> shares = shares_of(context, samples[0]);
  for (size_t i = 0; i < alone.size(); ++i) {
    const auto share = shares.find(names[i]);
    ranking.push_back(
        {alone[i].begin()->first, found[i].sqnr_db, share == shares.end() ? 0 : share->second});
  }
  // Leaving integers and coming back costs time however small the layer.
  constexpr double kLeastShare = 0.005;
  // Decibels of noise, less those of a layer's share.
  const auto rank = [&](const Sensitivity& each) {
    return each.sqnr_db + (by_cost ? 10 * std::log10(std::max(each.share, kLeastShare)) : 0);
  };
  std::stable_sort(ranking.begin(), ranking.end(),
                   [&](const Sensitivity& a, const Sensitivity& b) { return rank(a) < rank(b); });
}

/** In their order, those that fit into the budget together. */
std::vector<Sensitivity> affordable(const std::vector<Sensitivity>& ranking,
                                    const FallbackOptions& options) {
  if (!options.budget) return ranking;
  // Of the sum of the layers' noise, what is no reason to keep one in float.
  constexpr double kTrifle = 0.003;
  const auto noise = [](const Sensitivity& each) { return std::pow(10, -each.sqnr_db / 10); };
  const double all =
      std::accumulate(ranking.begin(), ranking.end(), 0.0,
                      [&](double sum, const Sensitivity& each) { return sum + noise(each); });
  std::vector<Sensitivity> chosen;
  double spent = 0;
  for (const Sensitivity& each : ranking) {
    if (spent + each.share > *options.budget || noise(each) < kTrifle * all) continue;
    spent += each.share;
    chosen.push_back(each);
  }
  return chosen;
}

/** With a budget float layers keep weights of 8 bits: bytes are saved all the same. */
StaticLayers without(const StaticLayers& layers, const std::vector<Sensitivity>& order,
                     int64_t count, const FallbackOptions& options) {
  StaticLayers rest = layers;
  for (int64_t i = 0; i < count; ++i) {
    const auto found = rest.find(order[static_cast<size_t>(i)].layer);
    if (options.budget) {
      found->second = found->second.with({{"arithmetic", "float"}}, "floatBudget");
    } else {
      rest.erase(found);
    }
  }
  return rest;
}

bool meets(const Nearness& nearness, const FallbackOptions& options) {
  return nearness.sqnr_db >= options.min_sqnr_db.value_or(-INFINITY) &&
         nearness.agreement >= options.min_agreement.value_or(0);
}

/** Numbers of float layers to try: from `least` in doubling steps up to `most` at first, then
 * evenly between one that failed and one that met the bound. */
std::vector<int64_t> first_counts(int64_t least, int64_t most) {
  std::vector<int64_t> counts;
  for (int64_t step = 0; least + step < most; step = std::max<int64_t>(1, step * 2)) {
    counts.push_back(least + step);
  }
  counts.push_back(most);
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
  std::optional<int64_t> met;
  int64_t best = 0;  // with which the worst output was best
  std::map<int64_t, Nearness> measured;
};

/** One pass over the data with a candidate for each of `counts`. */
Job narrow(TechniqueContext& context, const CalibratedLayers& calibrated,
           const std::vector<Sensitivity>& order, const FallbackOptions& options,
           const std::vector<int64_t>& counts, Bracket& bracket) {
  Candidates candidates(context, context.model);
  for (int64_t count : counts) {
    const StaticLayers layers = without(calibrated.layers, order, count, options);
    Model model;
    co_await make_integer_model(context, calibrated, layers, model);
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
    const bool first = bracket.measured.empty();
    bracket.measured.insert_or_assign(counts[i], nearness);
    if (first || nearness.sqnr_db > bracket.measured.at(bracket.best).sqnr_db) {
      bracket.best = counts[i];
    }
    if (meets(nearness, options)) {
      bracket.met = counts[i];
      co_return;
    }
    bracket.failed = counts[i];
  }
}

/** Finds how many of the first layers of `order` are to stay float. Without a budget, that all do
 * needs no measuring. */
Job meet_bound(TechniqueContext& context, const CalibratedLayers& calibrated,
               const std::vector<Sensitivity>& order, const FallbackOptions& options, int64_t least,
               Bracket& bracket) {
  const auto all = static_cast<int64_t>(calibrated.layers.size());
  const auto most = std::min(static_cast<int64_t>(order.size()), all - 1);
  if (bracket.failed >= most) co_return;
  std::vector<int64_t> counts = first_counts(std::max(least, bracket.failed + 1), most);
  for (int pass = 1; pass < kBoundPasses && !counts.empty(); ++pass) {
    co_await narrow(context, calibrated, order, options, counts, bracket);
    if (!bracket.met) co_return;
    counts = counts_between(bracket.failed, *bracket.met);
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
  const int64_t least = std::min(options.float_layers, all);
  Bracket bracket;
  bracket.failed = least - 1;
  std::vector<Sensitivity> ranking;
  if (options.bounded() && least == 0) {
    const std::vector<int64_t> none = {0};
    co_await narrow(context, calibrated, ranking, options, none, bracket);
  }
  std::vector<Sensitivity> order;
  if (!bracket.met) {
    co_await rank_layers(context, calibrated, samples, options.budget.has_value(), ranking);
    order = affordable(ranking, options);
  }
  int64_t count = std::min(least, static_cast<int64_t>(order.size()));
  if (options.bounded()) {
    if (!bracket.met) {
      co_await meet_bound(context, calibrated, order, options, least, bracket);
    }
    count = bracket.met.value_or(options.budget ? bracket.best : all);
    if (!bracket.met) {
      context.report.warnings.push_back(
          options.budget
              ? "No choice of float layers within the budget keeps the bound on the calibration "
                "data: the best one was taken"
              : "No choice of integer layers keeps the bound on the calibration data: all stay "
                "float");
    }
  }
  kept =
      without(calibrated.layers, bracket.met || options.budget ? order : ranking, count, options);
  json fallback = {{"floatLayers", count}};
  double share = 0;
  for (int64_t i = 0; i < count && i < static_cast<int64_t>(order.size()); ++i) {
    share += order[static_cast<size_t>(i)].share;
  }
  fallback["macsShare"] = std::round(share * 1e4) / 1e4;
  if (const auto found = bracket.measured.find(count); found != bracket.measured.end()) {
    fallback["sqnrDb"] = rounded(found->second.sqnr_db);
    fallback["agreement"] = found->second.agreement;
  }
  if (options.bounded()) context.report.facts["fallback"] = std::move(fallback);
  for (const Sensitivity& each : ranking) {
    const Node& node = context.model.graph.nodes[static_cast<size_t>(each.layer)];
    const auto found = kept.find(each.layer);
    const bool is_float = found == kept.end() || !has_integer_arithmetic(found->second);
    if (found == kept.end()) context.report.leave(node, "kept in float: among the most sensitive");
    context.report.facts["sensitivity"].push_back(
        {{"layer", node.name}, {"sqnrDb", rounded(each.sqnr_db)}, {"float", is_float}});
  }
}

}  // namespace whittle
