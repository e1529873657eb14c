#pragma once

#include <span>
#include <vector>

#include "core/compress/options.h"

namespace whittle {

/** What a layer's rank is chosen by; the first of these that is given counts. */
enum class RankRule { rank, ratio, error, vbmf, energy };
RankRule rank_rule(const Options& options);

/** The options that choose ranks: energy, error, ratio, rank, multiple. */
std::vector<OptionSpec> rank_options();

/** Under `error` or `energy`: the share of the squared weights that may be lost. */
double allowed_loss(const Options& options);

/** Ranks worth trying, ascending: multiples that fill the tiles of kernels, and the full rank; each
 * rank where even one multiple is too much. */
std::vector<int> candidate_ranks(int full, int multiple);

/** Entry r: the share of the energy that rank r discards, for r from 0 to the number of `squares`
 * (squared singular values, descending). */
std::vector<double> discarded_shares(std::span<const double> squares);

/** The least candidate that discards at most `loss` (the last one where rounding leaves more). */
int rank_within(std::span<const double> discarded, double loss, std::span<const int> candidates);
/** The greatest candidate of at most `most`, or `most` itself (1 at least) where all are greater.
 */
int rank_below(int most, std::span<const int> candidates);
/** The least candidate of at least `least`. */
int rank_above(int least, std::span<const int> candidates);

}  // namespace whittle
