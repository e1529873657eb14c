#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whittle {

/**
 * A regular expression in RE2's syntax over code points, matched as a nondeterministic automaton
 * (Thompson 1968): time is at most pattern times text, whatever the pattern. Groups are not
 * captured. All of RE2's syntax but \p{..} classes and \C, which throw UNSUPPORTED; what RE2 itself
 * refuses throws INVALID_GRAPH, both naming `where`.
 */
class Regex {
 public:
  Regex(std::string_view pattern, const std::string& where);
  /** Whether the expression matches all of `text`. */
  bool matches(std::string_view text) const;

 private:
  friend class RegexParser;
  enum class Kind : uint8_t { set, split, assert_at, accept };
  enum class Anchor : uint8_t { text_begin, text_end, line_begin, line_end, word, no_word };
  struct Range {
    char32_t first;
    char32_t last;
  };
  struct Set {
    std::vector<Range> ranges;
    bool negated = false;
    bool any_case = false;
    bool has(char32_t code) const;
  };
  struct State {
    Kind kind;
    int next = -1;
    int other = -1;  // second way of a split
    uint32_t set = 0;
    Anchor anchor = Anchor::text_begin;
  };

  std::vector<State> states_;
  std::vector<Set> sets_;
  int start_ = 0;
};

}  // namespace whittle
