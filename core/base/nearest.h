#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace whittle {

/** The names of `known` nearest to `wanted` by edit distance, best first: at most `count`, and only
 * those that differ in less than half of their letters. */
std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& known, size_t count = 1);

/** ". Did you mean \"x\"?" for the nearest known name, or "" when none is near. */
std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& known,
                         size_t count = 1);

}  // namespace whittle
