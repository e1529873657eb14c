#include "core/compress/quantize/support/equalization/equalize_noise.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/equalization/channel_text.h"
#include "core/compress/quantize/support/equalization/equalize_candidates.h"
#include "core/compress/quantize/support/equalization/equalize_check.h"
#include "core/compress/quantize/support/equalization/noise_descent.h"

namespace whittle {
namespace {

using nlohmann::json;

constexpr double kOctave = 0.6931471805599453 / 32;  // a step of a factor
/** Two channels of a tensor may end up so far apart. */
constexpr double kMostFactor = 0x1p7;
/** A group's factors have to lower the noise by this share. */
constexpr double kWorthwhile = 1e-4;
/** Quantized with and without its factors, the model runs on so many samples. */
constexpr size_t kCheckSamples = 24;

json explicit_rule(const EqualizeCandidate& candidate, const std::vector<int>& factors) {
  json rule = {{"name", candidate.name}, {"factors", write_levels(factors)}};
  if (!candidate.group.clips.empty()) rule["clip"] = clip_form_name(candidate.clip);
  return rule;
}

void finish(TechniqueContext& context, const std::vector<EqualizeCandidate>& candidates,
            const std::vector<std::vector<int>>& chosen) {
  std::vector<std::vector<double>> factors;
  std::vector<json> rules;
  for (size_t g = 0; g < candidates.size(); ++g) {
    std::vector<double> values;
    for (int k : chosen[g]) values.push_back(factor_value(k));
    factors.push_back(std::move(values));
    rules.push_back(explicit_rule(candidates[g], chosen[g]));
  }
  json all_rules = json::array();
  apply_candidates(context, candidates, factors, rules, "scaling its channels lowers no noise",
                   all_rules);
  if (all_rules.empty()) all_rules.push_back({{"name", "*"}, {"skip", true}});
  context.report.explicit_step = {
      {"technique", "equalize"}, {"method", "given"}, {"layers", std::move(all_rules)}};
}

/** How far a Clip that stays lets each channel be scaled: those that reach the bound not at all,
 * the others up to it. */
void bound_by_clip(const EqualizeCandidate& candidate, std::span<double> least,
                   std::span<double> most) {
  if (candidate.group.clips.empty() || candidate.clip != ClipForm::keep) return;
  const double bound = candidate.group.clips[0].high;
  for (size_t c = 0; c < most.size(); ++c) {
    double high = 0;
    for (const ChannelStatistics& seen : candidate.statistics) {
      if (c < seen.channels()) high = std::max<double>(high, seen.max[c]);
    }
    if (high >= bound) {
      least[c] = most[c] = 0;
    } else if (high > 0) {
      most[c] = std::min(most[c], kOctave * std::floor(std::log(bound / high) / kOctave));
    }
  }
}

class NoiseEqualizer {
 public:
  NoiseEqualizer(TechniqueContext& context, std::vector<EqualizeCandidate> candidates)
      : context_(context),
        candidates_(std::move(candidates)),
        importance_(context.model.graph),
        drawn_(context.options.boolean("check") ? kCheckSamples : 0, context.seed) {}

  Job run() {
    std::map<ValueId, WatchedChannels> watched = importance_.watched();
    for (const EqualizeCandidate& candidate : candidates_) {
      watch_makers(candidate, watched);
      for (const GroupValue& value : candidate.group.values) {
        watched.try_emplace(value.id, WatchedChannels{value.axis, INFINITY});
      }
    }
    co_await watch_channels(context_, watched, context_.options.integer("samples"), statistics_,
                            &drawn_);
    importance_.solve(statistics_);
    for (EqualizeCandidate& candidate : candidates_) decide(candidate);
    const NoiseModel model = make_model();
    const LogBounds bounds = make_bounds(model);
    std::vector<double> logs(model.variables(), 0.0);
    co_await descend(context_.cancel, model, bounds, logs);
    co_await keep_what_helps(model, bounds, logs);
  }

  void apply() { finish(context_, candidates_, chosen_); }
  const std::vector<Sample>& samples() const { return drawn_.samples(); }

 private:
  void decide(EqualizeCandidate& candidate) {
    take_statistics(statistics_, candidate);
    const bool clipped = !candidate.group.clips.empty();
    if (candidate.statistics[0].empty()) return;
    if (clipped && candidate.options[0].text("clip") == "auto") {
      candidate.clip = choose_clip_form(candidate);
    }
    if (clipped && candidate.clip == ClipForm::relu) raise_ends(candidate);
    if (!context_.options.boolean("absorb")) return;
    candidate.absorbed = candidate.group.linear ? means_of(candidate) : absorbable(candidate);
  }

  /** Where nothing bends, taking each channel's mean away centres all values, sums included. */
  static std::vector<std::vector<float>> means_of(const EqualizeCandidate& candidate) {
    std::vector<std::vector<float>> means;
    for (size_t m = 0; m < candidate.group.makers.size(); ++m) {
      const ChannelStatistics& seen = candidate.statistics[m];
      means.emplace_back();
      for (size_t c = 0; c < seen.channels(); ++c) {
        const auto mean = static_cast<float>(seen.mean(c));
        means.back().push_back(mean < 0 ? -rounded_down(-mean) : mean > 0 ? rounded_down(mean) : 0);
      }
    }
    return means;
  }

  /** Without its Clip a value reaches as high as the sum in front. */
  void raise_ends(const EqualizeCandidate& candidate) {
    const Node& clip =
        context_.model.graph.nodes[static_cast<size_t>(candidate.group.clips[0].node)];
    const auto found = statistics_.find(clip.output(0));
    const ChannelStatistics& before = candidate.statistics[0];
    if (found == statistics_.end() || found->second.channels() != before.channels()) return;
    for (size_t c = 0; c < before.channels(); ++c) {
      found->second.max[c] = std::max(found->second.max[c], before.max[c]);
    }
  }

  NoiseModel make_model() const {
    std::vector<ChannelGroup> groups;
    std::vector<std::vector<std::vector<float>>> absorbed;
    for (const EqualizeCandidate& candidate : candidates_) {
      groups.push_back(candidate.group);
      absorbed.push_back(candidate.absorbed);
    }
    NoiseForm form;
    form.weights_per_tensor = context_.options.text("weights") == "tensor";
    form.depthwise_per_channel = context_.options.text("depthwise") == "channel";
    form.typical = context_.options.number("typical");
    return NoiseModel(context_.model.graph, groups, absorbed, importance_, statistics_, form);
  }

  LogBounds make_bounds(const NoiseModel& model) const {
    LogBounds bounds;
    const double most = std::log(kMostFactor);
    bounds.least.assign(model.variables(), -most);
    bounds.most.assign(model.variables(), most);
    for (size_t g = 0; g < candidates_.size(); ++g) {
      const auto channels = static_cast<size_t>(candidates_[g].group.channels);
      bound_by_clip(candidates_[g],
                    std::span<double>(bounds.least).subspan(model.begin(g), channels),
                    std::span<double>(bounds.most).subspan(model.begin(g), channels));
    }
    for (size_t v = 0; v < model.variables(); ++v) {
      if (!model.is_live(v)) bounds.least[v] = bounds.most[v] = 0;
    }
    return bounds;
  }

  /** Rounds the factors to what a report holds, and takes back those of a group without which the
   * noise is not more. */
  Job keep_what_helps(const NoiseModel& model, const LogBounds& bounds, std::vector<double>& logs) {
    const double before = model.noise(std::vector<double>(logs.size(), 0.0));
    for (size_t v = 0; v < logs.size(); ++v) {
      double k = std::nearbyint(logs[v] / kOctave);
      if (k * kOctave > bounds.most[v] + kOctave / 4) k -= 1;
      logs[v] = k * kOctave;
    }
    double noise = model.noise(logs);
    for (size_t g = 0; g < candidates_.size(); ++g) {
      co_await report_progress("equalize", candidates_[g].name, static_cast<int64_t>(g),
                               static_cast<int64_t>(candidates_.size()));
      context_.cancel.poll();
      const auto first = logs.begin() + static_cast<std::ptrdiff_t>(model.begin(g));
      const auto last = first + candidates_[g].group.channels;
      const std::vector<double> held(first, last);
      std::fill(first, last, 0.0);
      const double without = model.noise(logs);
      if (without <= noise * (1 + kWorthwhile)) {
        noise = without;
      } else {
        std::copy(held.begin(), held.end(), first);
      }
    }
    for (size_t g = 0; g < candidates_.size(); ++g) {
      std::vector<int> steps;
      for (int64_t c = 0; c < candidates_[g].group.channels; ++c) {
        const double log = logs[model.begin(g) + static_cast<size_t>(c)];
        steps.push_back(static_cast<int>(std::nearbyint(log / kOctave)));
      }
      chosen_.push_back(std::move(steps));
    }
    if (before > 0 && noise > 0) {
      const double gained = 10 * std::log10(before / noise);
      context_.report.facts["predictedGainDb"] = std::round(gained * 100) / 100;
    }
  }

  TechniqueContext& context_;
  std::vector<EqualizeCandidate> candidates_;
  NoiseImportance importance_;
  DrawnSamples drawn_;
  std::map<ValueId, ChannelStatistics> statistics_;
  std::vector<std::vector<int>> chosen_;  // by candidate, steps of its factors
};

}  // namespace

Job equalize_for_noise(TechniqueContext& context) {
  std::vector<EqualizeCandidate> candidates = find_candidates(context, "factors");
  if (candidates.empty()) {
    context.report.explicit_step = {{"technique", "equalize"}, {"method", "given"}};
    co_return;
  }
  NoiseEqualizer equalizer(context, std::move(candidates));
  co_await equalizer.run();
  const Model before = context.model;
  equalizer.apply();
  co_await check_equalization(context, before, equalizer.samples());
}

Job equalize_as_given(TechniqueContext& context) {
  std::vector<EqualizeCandidate> candidates = find_candidates(context, "factors");
  std::vector<std::vector<int>> chosen;
  co_await report_progress("equalize", "", 0, 1);
  for (EqualizeCandidate& candidate : candidates) {
    const auto channels = static_cast<size_t>(candidate.group.channels);
    const Options& options = candidate.options[0];
    chosen.emplace_back(channels, 0);
    if (options.given("factors")) {
      chosen.back() = read_levels(options.text("factors"), channels, candidate.name, kFactorLimit);
    }
    candidate.absorbed = read_absorbed(candidate);
  }
  if (!candidates.empty()) finish(context, candidates, chosen);
}

}  // namespace whittle
