#pragma once

#include <optional>
#include <string_view>

namespace whittle {

/** Classes of code points, as pairs of the first and last of a range, in order. */

/** That of [:name:]; nothing for an unknown name. */
std::optional<std::u32string_view> posix_class(std::string_view name);
/** Those of \d, \s and \w. */
std::u32string_view perl_class(char32_t letter);
/** What \w and \b take for a letter of a word. */
bool is_word(char32_t code);

}  // namespace whittle
