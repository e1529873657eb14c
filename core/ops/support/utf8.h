#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace whittle {

/** The code point at `at`, which is moved behind it. A byte that is no UTF-8 counts as U+FFFD. */
char32_t next_code_point(std::string_view text, size_t& at);
void append_code_point(std::string& text, char32_t code);

/** Simple case mapping of Latin, Greek and Cyrillic letters; others stay as they are. */
char32_t to_lower(char32_t code);
char32_t to_upper(char32_t code);

/** Every code point of `text` through `map`. */
std::string map_code_points(std::string_view text, char32_t (*map)(char32_t));

}  // namespace whittle
