#include "core/ops/support/regex.h"

#include <algorithm>

#include "core/ops/support/regex_class.h"
#include "core/ops/support/utf8.h"

namespace whittle {

bool Regex::Set::has(char32_t code) const {
  const auto inside = [&](char32_t c) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [c](const Range& range) { return c >= range.first && c <= range.last; });
  };
  const bool found =
      inside(code) || (any_case && (inside(to_lower(code)) || inside(to_upper(code))));
  return found != negated;
}

bool Regex::matches(std::string_view text) const {
  std::vector<int> active = {start_};
  std::vector<int> following;
  std::vector<size_t> seen(states_.size(), 0);  // position + 1 at which a state was last entered
  constexpr char32_t kNone = 0xFFFFFFFF;
  char32_t before = kNone;
  for (size_t at = 0, position = 1;; ++position) {
    const bool at_end = at >= text.size();
    const char32_t code = at_end ? kNone : next_code_point(text, at);
    const auto holds = [&](Anchor anchor) {
      const bool at_word = (before != kNone && is_word(before)) != (!at_end && is_word(code));
      switch (anchor) {
        case Anchor::text_begin:
          return before == kNone;
        case Anchor::text_end:
          return at_end;
        case Anchor::line_begin:
          return before == kNone || before == '\n';
        case Anchor::line_end:
          return at_end || code == '\n';
        case Anchor::word:
          return at_word;
        default:
          return !at_word;
      }
    };
    following.clear();
    while (!active.empty()) {
      const int index = active.back();
      active.pop_back();
      if (seen[static_cast<size_t>(index)] == position) continue;
      seen[static_cast<size_t>(index)] = position;
      const State& state = states_[static_cast<size_t>(index)];
      switch (state.kind) {
        case Kind::accept:
          if (at_end) return true;
          break;
        case Kind::split:
          active.push_back(state.other);
          active.push_back(state.next);
          break;
        case Kind::assert_at:
          if (holds(state.anchor)) active.push_back(state.next);
          break;
        case Kind::set:
          if (!at_end && sets_[state.set].has(code)) following.push_back(state.next);
          break;
      }
    }
    if (at_end || following.empty()) return false;
    before = code;
    active.swap(following);
  }
}

}  // namespace whittle
