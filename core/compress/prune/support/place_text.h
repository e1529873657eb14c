#pragma once

#include <string>
#include <vector>

namespace whittle {

/** Numbers of channels as a recipe holds them: "0 3-5 9", rising. */
std::string write_places(const std::vector<int64_t>& places);
/** Reads such a text; throws INVALID_OPTION naming `where` unless it holds rising numbers below
 * `count`. */
std::vector<int64_t> read_places(const std::string& text, int64_t count, const std::string& where);

}  // namespace whittle
