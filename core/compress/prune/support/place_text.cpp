#include "core/compress/prune/support/place_text.h"

#include <charconv>

#include "core/base/error.h"

namespace whittle {

std::string write_places(const std::vector<int64_t>& places) {
  std::string text;
  for (size_t i = 0; i < places.size();) {
    size_t last = i;
    while (last + 1 < places.size() && places[last + 1] == places[last] + 1) ++last;
    if (!text.empty()) text += ' ';
    text += std::to_string(places[i]);
    if (last > i) text += '-' + std::to_string(places[last]);
    i = last + 1;
  }
  return text;
}

std::vector<int64_t> read_places(const std::string& text, int64_t count, const std::string& where) {
  std::vector<int64_t> places;
  const char* at = text.data();
  const char* end = at + text.size();
  int64_t next = 0;
  const auto refuse = [&] {
    fail(Code::INVALID_OPTION, where, "Expected rising numbers below ", count, " for ", where,
         " but received \"", text.substr(0, 60), "\"");
  };
  const auto number = [&] {
    int64_t value = -1;
    const auto [rest, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < next || value >= count) refuse();
    at = rest;
    return value;
  };
  while (at != end) {
    const int64_t first = number();
    next = first + 1;
    int64_t last = first;
    if (at != end && *at == '-') {
      ++at;
      last = number();
      next = last + 1;
    }
    for (int64_t place = first; place <= last; ++place) places.push_back(place);
    if (at != end && *at++ != ' ') refuse();
  }
  return places;
}

}  // namespace whittle
