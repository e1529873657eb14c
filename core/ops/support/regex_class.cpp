#include "core/ops/support/regex_class.h"

namespace whittle {
namespace {

struct NamedClass {
  std::string_view name;
  std::u32string_view ranges;  // pairs of first and last
};

constexpr NamedClass kPosix[] = {
    {"alnum", U"09AZaz"},
    {"alpha", U"AZaz"},
    {"ascii", std::u32string_view(U"\0\x7F", 2)},
    {"blank", U"\t\t  "},
    {"digit", U"09"},
    {"cntrl", std::u32string_view(U"\0\x1F\x7F\x7F", 4)},
    {"graph", U"!~"},
    {"lower", U"az"},
    {"print", U" ~"},
    {"punct", U"!/:@[`{~"},
    {"space", U"\t\r  "},
    {"upper", U"AZ"},
    {"word", U"09AZ__az"},
    {"xdigit", U"09AFaf"},
};

}  // namespace

std::optional<std::u32string_view> posix_class(std::string_view name) {
  for (const NamedClass& each : kPosix) {
    if (each.name == name) return each.ranges;
  }
  return std::nullopt;
}

std::u32string_view perl_class(char32_t letter) {
  return letter == 'd' ? U"09" : letter == 's' ? U"\t\n\f\r  " : U"09AZ__az";
}

bool is_word(char32_t code) {
  return code == '_' || (code >= '0' && code <= '9') || ((code | 32) >= 'a' && (code | 32) <= 'z');
}

}  // namespace whittle
