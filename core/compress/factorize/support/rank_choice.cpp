#include "core/compress/factorize/support/rank_choice.h"

#include <algorithm>

namespace whittle {

RankRule rank_rule(const Options& options) {
  if (options.has("rank")) return RankRule::rank;
  if (options.has("ratio")) return RankRule::ratio;
  if (options.has("error")) return RankRule::error;
  if (options.has("vbmf") && options.boolean("vbmf")) return RankRule::vbmf;
  return RankRule::energy;
}

std::vector<OptionSpec> rank_options() {
  std::vector<OptionSpec> specs;
  specs.push_back({.name = "energy",
                   .doc = "share of the squared weights to keep; chooses the rank of each layer",
                   .default_value = 0.95,
                   .min = 0,
                   .max = 1});
  specs.push_back({.name = "error",
                   .doc = "relative error of a layer's weights to stay within, in place of energy",
                   .min = 0,
                   .max = 1});
  specs.push_back({.name = "ratio",
                   .doc = "share of the layer's parameters to keep, in place of energy",
                   .min = 0,
                   .max = 1});
  specs.push_back({.name = "rank",
                   .type = OptionType::integer,
                   .doc = "fixed rank, in place of energy",
                   .min = 1});
  specs.push_back({.name = "multiple",
                   .type = OptionType::integer,
                   .doc = "ranks that are chosen are multiples of this: 8 fills the tiles of the "
                          "kernels",
                   .default_value = 8,
                   .min = 1,
                   .advanced = true});
  return specs;
}

double allowed_loss(const Options& options) {
  if (rank_rule(options) != RankRule::error) return 1 - options.number("energy");
  const double error = options.number("error");
  return error * error;
}

std::vector<int> candidate_ranks(int full, int multiple) {
  std::vector<int> ranks;
  const int step = full < multiple ? 1 : multiple;
  for (int rank = step; rank < full; rank += step) ranks.push_back(rank);
  ranks.push_back(full);
  return ranks;
}

std::vector<double> discarded_shares(std::span<const double> squares) {
  std::vector<double> shares(squares.size() + 1, 0.0);
  for (size_t i = squares.size(); i-- > 0;) shares[i] = shares[i + 1] + squares[i];
  const double total = shares[0];
  for (double& share : shares) share = total > 0 ? share / total : 0.0;
  return shares;
}

int rank_within(std::span<const double> discarded, double loss, std::span<const int> candidates) {
  for (int rank : candidates) {
    if (discarded[static_cast<size_t>(rank)] <= loss) return rank;
  }
  return candidates.back();
}

int rank_below(int most, std::span<const int> candidates) {
  int best = 0;
  for (int rank : candidates) best = rank <= most ? rank : best;
  return best > 0 ? best : std::max(1, most);
}

int rank_above(int least, std::span<const int> candidates) {
  for (int rank : candidates) {
    if (rank >= least) return rank;
  }
  return candidates.back();
}

}  // namespace whittle
