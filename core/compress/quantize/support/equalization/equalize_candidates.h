#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/quantize/support/equalization/apply_factors.h"
#include "core/compress/quantize/support/equalization/channel_statistics.h"
#include "core/compress/technique.h"

namespace whittle {

/** A group of channels at work: what its layer's options say, what the data showed, and what was
 * decided. */
struct EqualizeCandidate {
  ChannelGroup group;
  std::vector<Options> options;               // of each maker
  std::string name;                           // of the first maker
  std::vector<ChannelStatistics> statistics;  // of each maker's value, then of each sum
  ClipForm clip = ClipForm::keep;
  std::vector<std::vector<float>> absorbed;  // [makers][channels] or empty
};

std::string clip_form_name(ClipForm form);
/** "keep" for every other name. */
ClipForm clip_form_of(const std::string& name);

/** The groups between the selected layers, in graph order; every layer that is in none is reported
 * with its reason. `repeats` names the option that marks a rule of a report. */
std::vector<EqualizeCandidate> find_candidates(TechniqueContext& context,
                                               const std::string& repeats);

/** What to watch for decide_clip and absorbable, added to `watched`. */
void watch_makers(const EqualizeCandidate& candidate, std::map<ValueId, WatchedChannels>& watched);
/** Takes those statistics over into the candidate. */
void take_statistics(const std::map<ValueId, ChannelStatistics>& statistics,
                     EqualizeCandidate& candidate);

/** The Clip becomes a Relu where its bound cuts off less than rounding to 8 bits would. */
ClipForm choose_clip_form(const EqualizeCandidate& candidate);

/** By maker and channel, what can move to the bias behind a Relu because the data never goes below;
 * empty when there is nothing. */
std::vector<std::vector<float>> absorbable(const EqualizeCandidate& candidate);
/** Reads the texts of a report; empty when no layer of the group has one. */
std::vector<std::vector<float>> read_absorbed(const EqualizeCandidate& candidate);

/** For a layer's report. */
nlohmann::json candidate_detail(const EqualizeCandidate& candidate,
                                const std::vector<double>& factors);

/** Applies the factors of every candidate, [channels] each, and reports the layers; those of a
 * group whose factors are all 1 and that absorbs nothing are left alone with `unchanged` as the
 * reason, unless it is empty. `rules` spell the groups out, all but what is absorbed. */
void apply_candidates(TechniqueContext& context, const std::vector<EqualizeCandidate>& candidates,
                      const std::vector<std::vector<double>>& factors,
                      const std::vector<nlohmann::json>& rules, const std::string& unchanged,
                      nlohmann::json& all_rules);

}  // namespace whittle
