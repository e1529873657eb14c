#pragma once

#include <optional>
#include <vector>

#include "core/passes/match.h"

namespace whittle {

/** (x - mean) / sqrt(variance + epsilon) * gamma + beta, written out operator by operator. */
struct WrittenNorm {
  ValueId x = kNoValue;
  std::vector<int64_t> axes;  // of both means, as they are written
  float epsilon = 0;
  ValueId gamma = kNoValue;  // constants
  ValueId beta = kNoValue;   // kNoValue: nothing is added
  const Node* last = nullptr;
};

/** The normalization whose division is `divide`, if it is one. */
std::optional<WrittenNorm> find_written_norm(const Graph& graph, const Matcher& match,
                                             const Node& divide);
/** x of x * x or x ^ 2, or kNoValue. */
ValueId find_squared(const Matcher& match, ValueId id);
/** What a square root is taken of, or kNoValue. */
ValueId find_rooted(const Matcher& match, ValueId id);
/** x of ReduceMean(x), kept dimensions, and its constant axes. */
ValueId find_mean(const Graph& graph, const Matcher& match, ValueId id, std::vector<int64_t>& axes);

}  // namespace whittle
