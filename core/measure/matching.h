#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/** The names of `a`'s inputs or outputs as `b` spells them: by name, else by position. Throws
 * SHAPE_MISMATCH when one has no counterpart; `what` is "input" or "output". */
std::map<std::string, std::string> match_names(const Graph& a, const std::vector<ValueId>& of_a,
                                               const Graph& b, const std::vector<ValueId>& of_b,
                                               const char* what);

}  // namespace whittle
