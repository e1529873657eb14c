#include "core/compress/factorize/support/low_rank_step.h"

#include <algorithm>
#include <cmath>

namespace whittle {
namespace {

/** From this many rows and columns on, a rank under a quarter of them is found by projection. */
constexpr int kLarge = 384;

/** The rank that is known before anything is taken apart, or 0. */
int known_rank(const Options& options, const GroupedMatrix& matrix,
               const std::vector<int>& candidates) {
  const int full = matrix.full_rank();
  if (rank_rule(options) == RankRule::rank) {
    return static_cast<int>(std::min<int64_t>(options.integer("rank"), full));
  }
  if (rank_rule(options) != RankRule::ratio) return 0;
  const double numbers = options.number("ratio") * static_cast<double>(matrix.size());
  const auto most = static_cast<int>(numbers / (matrix.outputs + matrix.inputs));
  return rank_below(std::clamp(most, 1, full), candidates);
}

}  // namespace

LowRankChoice choose_low_rank(const Options& options, const GroupedMatrix& matrix,
                              const std::vector<std::span<const double>>& moments, uint64_t seed) {
  const int full = matrix.full_rank();
  const std::vector<int> candidates =
      candidate_ranks(full, static_cast<int>(options.integer("multiple")));
  LowRankChoice choice;
  const int known = known_rank(options, matrix, candidates);
  choice.randomized = options.has("randomized") ? options.boolean("randomized")
                                                : full >= kLarge && 4 * known <= full;
  choice.randomized = choice.randomized && known > 0;
  choice.rank = std::max(1, known);
  for (int g = 0; g < matrix.groups; ++g) {
    const std::span<const float> weight = matrix.group(g);
    const std::span<const double> moment = moments[static_cast<size_t>(g)];
    if (!moment.empty()) {
      choice.bases.push_back(output_basis(weight, matrix.outputs, matrix.inputs, moment));
    } else if (choice.randomized) {
      choice.bases.push_back(projected_basis(weight, matrix.outputs, matrix.inputs, known, seed));
    } else {
      choice.bases.push_back(weight_basis(weight, matrix.outputs, matrix.inputs));
    }
    if (known > 0) continue;
    const std::vector<double> discarded = discarded_shares(choice.bases.back().energy);
    choice.rank = std::max(choice.rank, rank_within(discarded, allowed_loss(options), candidates));
  }
  for (const OutputBasis& basis : choice.bases) {
    if (basis.energy.size() != static_cast<size_t>(full)) return choice;
    const double kept = 1 - discarded_shares(basis.energy)[static_cast<size_t>(choice.rank)];
    choice.energy = choice.energy < 0 ? kept : std::min(choice.energy, kept);
  }
  return choice;
}

std::vector<OptionSpec> low_rank_options() {
  std::vector<OptionSpec> specs = rank_options();
  specs.push_back({.name = "randomized",
                   .type = OptionType::boolean,
                   .doc = "find a given rank by random projection; unset: for ranks of under a "
                          "quarter of matrices with 384 rows and columns at least",
                   .advanced = true});
  return specs;
}

nlohmann::json low_rank_rule(const LowRankChoice& choice) {
  return {{"rank", choice.rank}, {"randomized", choice.randomized}};
}

}  // namespace whittle
