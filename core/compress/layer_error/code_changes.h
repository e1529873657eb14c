#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whittle {

/**
 * The difference between two choices of codes on one grid, as text for a recipe: mostly one letter
 * of base64url for each code that changed, its value v saying how many unchanged ones go before
 * it (v / 3, 0 to 20) and what happens to it (v % 3: 0 one up, 1 one down, 2 nothing, the run goes
 * on). The last letter, 63, is followed by two letters with any other difference plus 2,048.
 */
std::string encode_changes(std::span<const int8_t> from, std::span<const int8_t> to);

/** Applies such a text; throws INVALID_OPTION naming `where` when it is no such text, or changes
 * more codes than there are. Codes wrap at 8 bits. */
void apply_changes(std::string_view text, std::span<int8_t> codes, const std::string& where);

}  // namespace whittle
