#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/json.h"
#include "core/compress/factorize/support/low_rank.h"
#include "core/compress/factorize/support/rank_choice.h"

namespace whittle {

/** A weight as matrices [outputs, inputs], one a group, one after the other. */
struct GroupedMatrix {
  int groups = 1;
  int outputs = 0;  // of a group
  int inputs = 0;
  std::vector<float> values;

  int full_rank() const { return std::min(outputs, inputs); }
  int64_t size() const { return static_cast<int64_t>(outputs) * inputs; }  // of a group
  std::span<const float> group(int g) const {
    return std::span<const float>(values).subspan(static_cast<size_t>(g * size()),
                                                  static_cast<size_t>(size()));
  }
};

/** How a layer's matrices are cut. */
struct LowRankChoice {
  int rank = 1;
  bool randomized = false;
  std::vector<OutputBasis> bases;  // by group; the first `rank` directions at least
  /** Share of the energy that is kept, of the worst group; negative where it is not known. */
  double energy = -1;
};

/**
 * Takes the matrices of a layer apart and chooses the rank that its options ask for, the greatest
 * of all groups: they share it. `moments` are those of the inputs, by group; empty ones let every
 * input count the same. A given rank of large matrices is found by random projection, unless the
 * options say otherwise.
 */
LowRankChoice choose_low_rank(const Options& options, const GroupedMatrix& matrix,
                              const std::vector<std::span<const double>>& moments, uint64_t seed);

/** The options for that: those of rank_options() and `randomized`. */
std::vector<OptionSpec> low_rank_options();
/** What repeats a choice without data: its rank, and how it was found. */
nlohmann::json low_rank_rule(const LowRankChoice& choice);

}  // namespace whittle
