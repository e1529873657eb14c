#include "core/compress/quantize/support/mixed/mixed_search.h"

#include <algorithm>
#include <cmath>

#include "core/compress/quantize/support/mixed/mixed_knapsack.h"
#include "core/measure/statistics.h"

namespace whittle {
namespace {

/** Models that are run beside each other, at most. */
constexpr size_t kMostAtOnce = 4;
/** How often the frontier is narrowed down, by so many points each time. */
constexpr int kNarrowings = 4;
constexpr int kPoints = 4;
/** Until a point keeps the bound, each has this much less error than the one before. */
constexpr double kStride = 4;
/** Points whose errors differ by less, 0.4 dB, are not told apart. */
constexpr double kFine = 1.1;
/** How often a size is solved again with what the prediction was wrong by. */
constexpr int kRepairs = 4;

/** How reports name a choice. */
constexpr const char* kFewest = "fewest bytes";
constexpr const char* kFrontier = "frontier";
constexpr const char* kWidest = "widest forms";

/** Which error adds up. */
enum class Error : uint8_t { noise, kl };

double error_of(const MixedOption& option, Error error) {
  if (option.form < 0) return 0;
  return error == Error::kl ? std::max(0.0, option.alone.kl.value_or(0)) : option.alone.noise();
}

double predicted(const MixedModel& mixed, const MixedChoice& choice, Error error) {
  double sum = 0;
  for (size_t u = 0; u < choice.size(); ++u) {
    sum += error_of(mixed.units()[u].options[choice[u]], error);
  }
  return sum;
}

int64_t predicted_bytes(const MixedModel& mixed, const MixedChoice& choice) {
  int64_t bytes = mixed.float_bytes();
  for (size_t u = 0; u < choice.size(); ++u) bytes += mixed.units()[u].options[choice[u]].bytes;
  return bytes;
}

/** The bytes of each option beyond the smallest of its unit; what all the smallest take together
 * goes to `least`. */
std::vector<std::vector<double>> extra_bytes(const MixedModel& mixed, int64_t& least) {
  std::vector<std::vector<double>> extra;
  least = mixed.float_bytes();
  for (const MixedUnit& unit : mixed.units()) {
    int64_t smallest = unit.options.front().bytes;
    for (const MixedOption& option : unit.options) smallest = std::min(smallest, option.bytes);
    least += smallest;
    std::vector<double>& row = extra.emplace_back();
    for (const MixedOption& option : unit.options) {
      row.push_back(static_cast<double>(option.bytes - smallest));
    }
  }
  return extra;
}

/** The least error within `limit` predicted bytes. */
std::optional<MixedChoice> least_error(const MixedModel& mixed, Error error, int64_t limit) {
  int64_t least = 0;
  const auto bytes = extra_bytes(mixed, least);
  std::vector<std::vector<KnapsackChoice>> classes;
  for (size_t u = 0; u < bytes.size(); ++u) {
    std::vector<KnapsackChoice>& row = classes.emplace_back();
    for (size_t k = 0; k < bytes[u].size(); ++k) {
      row.push_back({bytes[u][k], error_of(mixed.units()[u].options[k], error)});
    }
  }
  const auto solved = solve_knapsack(classes, static_cast<double>(limit - least));
  return solved ? std::optional(solved->chosen) : std::nullopt;
}

/** The fewest bytes within `limit` of predicted error. */
std::optional<MixedChoice> least_bytes(const MixedModel& mixed, Error error, double limit) {
  int64_t least = 0;
  const auto bytes = extra_bytes(mixed, least);
  std::vector<std::vector<KnapsackChoice>> classes;
  for (size_t u = 0; u < bytes.size(); ++u) {
    std::vector<KnapsackChoice>& row = classes.emplace_back();
    for (size_t k = 0; k < bytes[u].size(); ++k) {
      row.push_back({error_of(mixed.units()[u].options[k], error), bytes[u][k]});
    }
  }
  const auto solved = solve_knapsack(classes, limit);
  return solved ? std::optional(solved->chosen) : std::nullopt;
}

MixedChoice smallest(const MixedModel& mixed) {
  MixedChoice choice;
  for (const MixedUnit& unit : mixed.units()) {
    size_t best = 0;
    for (size_t k = 1; k < unit.options.size(); ++k) {
      if (unit.options[k].bytes < unit.options[best].bytes) best = k;
    }
    choice.push_back(best);
  }
  return choice;
}

/** The search of one step. */
class Search {
 public:
  Search(TechniqueContext& context, const MixedModel& mixed, const MixedBound& bound,
         MixedResult& result)
      : context_(context),
        mixed_(mixed),
        bound_(bound),
        result_(result),
        at_once_(sessions_at_once(context.model, kMostAtOnce)) {
    for (const MixedUnit& unit : mixed.units()) {
      for (const MixedOption& option : unit.options) has_kl_ = has_kl_ || option.alone.kl;
    }
  }

  Job within_bytes(int64_t limit);
  Job within_error();

 private:
  Job propose(const char* name, const MixedChoice& choice);
  Job propose_uniform();
  Job propose_within(Error error, int64_t limit);
  Job measure_proposed();
  void narrow(std::optional<double>& met, double& failed) const;
  void take_fewest_bytes();

  TechniqueContext& context_;
  const MixedModel& mixed_;
  const MixedBound& bound_;
  MixedResult& result_;
  size_t at_once_;
  bool has_kl_ = false;
  size_t measured_ = 0;  // tries that have been run
};

/** Adds a choice to be run, unless it is there already. */
Job Search::propose(const char* name, const MixedChoice& choice) {
  for (const MixedTry& known : result_.tries) {
    if (known.choice == choice) co_return;
  }
  co_await report_progress("solve");
  context_.cancel.poll();
  MixedTry& added = result_.tries.emplace_back();
  added.name = name;
  added.choice = choice;
  added.bytes = mixed_.file_bytes(choice);
  added.predicted_noise = predicted(mixed_, choice, Error::noise);
  added.predicted_kl = predicted(mixed_, choice, Error::kl);
}

/** One form for every layer that can have it. */
Job Search::propose_uniform() {
  std::vector<int> forms;
  for (const MixedUnit& unit : mixed_.units()) {
    for (const MixedOption& option : unit.options) {
      if (option.form >= 0) forms.push_back(option.form);
    }
  }
  std::sort(forms.begin(), forms.end());
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  for (int form : forms) {
    MixedChoice choice;
    for (const MixedUnit& unit : mixed_.units()) {
      const auto found = std::find_if(unit.options.begin(), unit.options.end(),
                                      [&](const MixedOption& o) { return o.form == form; });
      const bool there = found != unit.options.end();
      choice.push_back(there ? static_cast<size_t>(found - unit.options.begin()) : 0);
    }
    const std::string name = mixed_.form_name(form) + " everywhere";
    co_await propose(name.c_str(), choice);
  }
}

/** The choice of the least predicted error whose file really has at most `limit` bytes. */
Job Search::propose_within(Error error, int64_t limit) {
  std::optional<MixedChoice> best;
  double best_error = 0;
  int64_t allowed = limit;
  for (int i = 0; i < kRepairs; ++i) {
    co_await report_progress("solve");
    context_.cancel.poll();
    const auto choice = least_error(mixed_, error, allowed);
    if (!choice) break;
    const int64_t bytes = mixed_.file_bytes(*choice);
    const double sum = predicted(mixed_, *choice, error);
    if (bytes <= limit && (!best || sum < best_error)) {
      best = choice;
      best_error = sum;
    }
    const int64_t corrected = limit + predicted_bytes(mixed_, *choice) - bytes;
    if (corrected == allowed) break;
    allowed = corrected;
  }
  const char* name = error == Error::kl ? "least KL" : "least noise";
  if (best) co_await propose(name, *best);
}

Job Search::measure_proposed() {
  while (measured_ < result_.tries.size()) {
    const size_t count = std::min(at_once_, result_.tries.size() - measured_);
    Candidates candidates(context_, context_.model);
    for (size_t i = 0; i < count; ++i) {
      co_await report_progress("check bound", "", 0, -1);
      context_.cancel.poll();
      candidates.add(mixed_.build(result_.tries[measured_ + i].choice));
    }
    co_await candidates.run_again("mixed-precision", "check bound", bound_.samples);
    for (size_t i = 0; i < count; ++i) {
      result_.tries[measured_ + i].measured = candidates.nearness(i);
    }
    measured_ += count;
  }
}

Job Search::within_bytes(int64_t limit) {
  co_await propose_uniform();
  std::erase_if(result_.tries, [&](const MixedTry& each) { return each.bytes > limit; });
  co_await propose_within(Error::noise, limit);
  if (has_kl_) co_await propose_within(Error::kl, limit);
  result_.kept = !result_.tries.empty();
  const MixedChoice fewest = smallest(mixed_);
  if (!result_.kept) co_await propose(kFewest, fewest);
  co_await measure_proposed();
  const auto error = [&](const MixedTry& each) {
    return has_kl_ ? each.measured.kl.value_or(0) : each.measured.noise();
  };
  for (size_t i = 1; i < result_.tries.size(); ++i) {
    const MixedTry& best = result_.tries[result_.taken];
    const MixedTry& other = result_.tries[i];
    const bool tie = error(other) == error(best) && other.bytes < best.bytes;
    if (error(other) < error(best) || tie) result_.taken = i;
  }
}

/** Moves the ends of a range of predicted errors together by what was measured: the most that kept
 * the bound, below the least that did not. */
void Search::narrow(std::optional<double>& met, double& failed) const {
  const bool kl = has_kl_ && bound_.min_agreement.has_value();
  const auto error = [&](const MixedTry& each) {
    return kl ? each.predicted_kl : each.predicted_noise;
  };
  for (const MixedTry& each : result_.tries) {
    if (!bound_.kept_by(each.measured)) failed = std::min(failed, error(each));
  }
  for (const MixedTry& each : result_.tries) {
    if (!bound_.kept_by(each.measured) || error(each) >= failed || error(each) <= 0) continue;
    met = std::max(met.value_or(0), error(each));
  }
}

Job Search::within_error() {
  const Error error = has_kl_ && bound_.min_agreement ? Error::kl : Error::noise;
  co_await propose_uniform();
  const MixedChoice fewest = smallest(mixed_);
  co_await propose(kFewest, fewest);
  if (bound_.min_sqnr_db) {
    // Where the bound lies if errors do add.
    const double noise = std::pow(10, -*bound_.min_sqnr_db / 10);
    for (double share : {1.0, 0.8}) {
      const auto choice = least_bytes(mixed_, Error::noise, noise * share);
      if (choice) co_await propose(kFrontier, *choice);
    }
  }
  co_await measure_proposed();
  double failed = predicted(mixed_, fewest, error) * (1 + 1e-9);
  std::optional<double> met;
  for (int pass = 0; pass < kNarrowings; ++pass) {
    narrow(met, failed);
    if (met && failed < *met * kFine) break;
    const size_t before = result_.tries.size();
    for (int i = 1; i <= kPoints; ++i) {
      const double level = met ? *met * std::pow(failed / *met, i / (kPoints + 1.0))
                               : failed * std::pow(kStride, -i);
      const auto choice = least_bytes(mixed_, error, level);
      if (choice) co_await propose(kFrontier, *choice);
    }
    if (result_.tries.size() == before) break;
    co_await measure_proposed();
  }
  take_fewest_bytes();
  if (result_.kept) co_return;
  // The most faithful choice there is: all float, unless candidates leave that out.
  const MixedChoice widest(mixed_.units().size(), 0);
  co_await propose(kWidest, widest);
  co_await measure_proposed();
  take_fewest_bytes();
  if (!result_.kept) result_.taken = result_.tries.size() - 1;
}

void Search::take_fewest_bytes() {
  for (size_t i = 0; i < result_.tries.size(); ++i) {
    const MixedTry& each = result_.tries[i];
    if (!bound_.kept_by(each.measured)) continue;
    const MixedTry& best = result_.tries[result_.taken];
    const bool better = each.bytes < best.bytes ||
                        (each.bytes == best.bytes && each.predicted_noise < best.predicted_noise);
    if (!result_.kept || better) result_.taken = i;
    result_.kept = true;
  }
}

}  // namespace

int64_t samples_for(double bound) {
  int64_t count = 1;
  while (count < (int64_t{1} << 40) && wilson(count, count).low < bound) count *= 2;
  int64_t below = count / 2;
  while (count - below > 1) {
    const int64_t middle = below + (count - below) / 2;
    (wilson(middle, middle).low < bound ? below : count) = middle;
  }
  return count;
}

bool MixedBound::kept_by(const Nearness& measured) const {
  if (min_sqnr_db && measured.sqnr_db < *min_sqnr_db) return false;
  if (!min_agreement || measured.changed == 0) return true;
  const int64_t same = measured.samples - measured.changed;
  return wilson(same, measured.samples).low >= *min_agreement;
}

int search_passes(const MixedBound& bound) {
  return bound.fidelity() ? 1 + kNarrowings : 1;
}

Job search_mixed(TechniqueContext& context, const MixedModel& mixed, const MixedBound& bound,
                 int64_t bytes_limit, MixedResult& result) {
  Search search(context, mixed, bound, result);
  if (bound.fidelity()) {
    co_await search.within_error();
  } else {
    co_await search.within_bytes(bytes_limit);
  }
}

}  // namespace whittle
