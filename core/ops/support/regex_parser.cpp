// From patterns to the automata of regex.h.
#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/ops/support/regex.h"
#include "core/ops/support/regex_class.h"
#include "core/ops/support/utf8.h"

namespace whittle {
namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr int kMostRepeats = 1000;  // as in RE2
constexpr size_t kMostStates = 1 << 16;
constexpr int kMostNesting = 200;

}  // namespace

/** Builds the automaton from back to front: each part is told the state that follows it. Parts are
 * parsed to a tree first, since repetition writes a part several times. */
class RegexParser {
 public:
  RegexParser(std::string_view pattern, const std::string& where, Regex& regex)
      : pattern_(pattern), where_(where), regex_(regex) {}

  void run() {
    const Part whole = alternatives();
    if (at_ < pattern_.size()) refuse("an unmatched ')'");
    regex_.states_.push_back({Regex::Kind::accept});
    regex_.start_ = emit(whole, 0);
  }

 private:
  struct Part {
    enum class Kind : uint8_t { set, anchor, sequence, either, repeat } kind = Kind::sequence;
    uint32_t set = 0;
    Regex::Anchor anchor{};
    int least = 0;
    int most = 0;  // -1: no bound
    std::vector<Part> parts = {};
  };
  struct Flags {
    bool any_case = false, lines = false, dot_all = false;
  };

  [[noreturn]] void refuse(std::string_view what) const {
    fail(Code::INVALID_GRAPH, where_, "Expected a pattern in RE2's syntax for ", where_,
         " but received ", what, " in '", pattern_, "'");
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    fail(Code::UNSUPPORTED, where_, "Expected a pattern without ", what, " for ", where_,
         " but received '", pattern_, "'");
  }

  bool done() const { return at_ >= pattern_.size(); }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t next() {
    if (done()) refuse("an unfinished part");
    return next_code_point(pattern_, at_);
  }

  Part set_part(Regex::Set set) {
    set.any_case = flags_.any_case;
    regex_.sets_.push_back(std::move(set));
    Part part{Part::Kind::set};
    part.set = static_cast<uint32_t>(regex_.sets_.size() - 1);
    return part;
  }
  Part literal(char32_t code) { return set_part({{{code, code}}}); }
  static Part anchor_part(Regex::Anchor anchor) {
    Part part{Part::Kind::anchor};
    part.anchor = anchor;
    return part;
  }

  Part alternatives() {
    if (++nesting_ > kMostNesting) refuse("too many nested groups");
    const Flags outer = flags_;
    Part either{Part::Kind::either};
    do {
      either.parts.push_back(sequence());
    } while (take("|"));
    flags_ = outer;
    --nesting_;
    return either.parts.size() == 1 ? std::move(either.parts[0]) : either;
  }

  Part sequence() {
    Part all{Part::Kind::sequence};
    while (!done() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      std::optional<Part> part = atom(all);
      if (part) all.parts.push_back(repeated(std::move(*part)));
    }
    return all;
  }

  /** One part, or nothing for (?flags) and for \Q..\E, whose letters join `all`. */
  std::optional<Part> atom(Part& all) {
    const char32_t code = next();
    switch (code) {
      case '(':
        return group();
      case '[':
        return set_part(bracket());
      case '.':
        return set_part(flags_.dot_all ? Regex::Set{{{0, kLast}}}
                                       : Regex::Set{{{'\n', '\n'}}, true});
      case '^':
        return anchor_part(flags_.lines ? Regex::Anchor::line_begin : Regex::Anchor::text_begin);
      case '$':
        return anchor_part(flags_.lines ? Regex::Anchor::line_end : Regex::Anchor::text_end);
      case '*':
      case '+':
      case '?':
        refuse("a repetition of nothing");
      case '\\':
        break;
      default:
        return literal(code);
    }
    if (take("Q")) {
      while (!done() && !take("\\E")) all.parts.push_back(literal(next()));
      return std::nullopt;
    }
    if (take("b")) return anchor_part(Regex::Anchor::word);
    if (take("B")) return anchor_part(Regex::Anchor::no_word);
    if (take("A")) return anchor_part(Regex::Anchor::text_begin);
    if (take("z")) return anchor_part(Regex::Anchor::text_end);
    Regex::Set set;
    if (add_class(set)) return set_part(std::move(set));
    return literal(escape());
  }

  std::optional<Part> group() {
    const Flags outer = flags_;
    if (take("?")) {
      if (take("P<") || take("<")) {
        while (next() != '>') {
        }
      } else if (!set_flags()) {
        return std::nullopt;  // (?flags) holds to the end of the group it stands in
      }
    }
    Part inner = alternatives();
    flags_ = outer;
    if (!take(")")) refuse("a missing ')'");
    return inner;
  }

  /** The flags of "(?i-s:" and "(?i)"; true when a group follows. */
  bool set_flags() {
    for (bool on = true;;) {
      const char32_t flag = next();
      if (flag == ':') return true;
      if (flag == ')') return false;
      if (flag == '-' && on) {
        on = false;
      } else if (flag == 'i') {
        flags_.any_case = on;
      } else if (flag == 'm') {
        flags_.lines = on;
      } else if (flag == 's') {
        flags_.dot_all = on;
      } else if (flag != 'U') {  // which way is taken first does not change whether all matches
        refuse("an unknown group");
      }
    }
  }

  Part repeated(Part part) {
    for (bool again = false; !done(); again = true) {
      int least = 0;
      int most = -1;
      const size_t before = at_;
      if (take("?")) {
        most = 1;
      } else if (take("+")) {
        least = 1;
      } else if (!take("*") && !bounds(least, most)) {
        at_ = before;
        return part;
      }
      if (again) refuse("a repeated repetition");
      take("?");
      Part repeat{Part::Kind::repeat};
      repeat.least = least;
      repeat.most = most;
      repeat.parts.push_back(std::move(part));
      part = std::move(repeat);
    }
    return part;
  }

  /** "{2}", "{2,}" or "{2,5}"; what looks otherwise is text. */
  bool bounds(int& least, int& most) {
    const auto number = [&]() -> int {
      int value = -1;
      while (!done() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
        value = std::min(kMostRepeats + 1, std::max(0, value) * 10 + (pattern_[at_++] - '0'));
      }
      return value;
    };
    if (!take("{") || (least = number()) < 0) return false;
    most = take(",") ? number() : least;
    if (!take("}")) return false;
    if (least > kMostRepeats || most > kMostRepeats || (most >= 0 && most < least)) {
      refuse("repetition bounds out of range");
    }
    return true;
  }

  static void add_ranges(Regex::Set& set, std::u32string_view pairs, bool negated) {
    char32_t from = 0;
    for (size_t i = 0; i < pairs.size(); i += 2) {
      if (!negated) set.ranges.push_back({pairs[i], pairs[i + 1]});
      if (negated && pairs[i] > from) set.ranges.push_back({from, pairs[i] - 1});
      from = pairs[i + 1] + 1;
    }
    if (negated) set.ranges.push_back({from, kLast});
  }

  /** \d \s \w and their opposites behind a backslash. */
  bool add_class(Regex::Set& set) {
    const char letter = done() ? '\0' : pattern_[at_];
    const auto small = static_cast<char32_t>(letter | 32);
    if (small == 'p') unsupported("Unicode classes (\\p)");
    if (letter == 'C') unsupported("\\C");
    if (small != 'd' && small != 's' && small != 'w') return false;
    ++at_;
    add_ranges(set, perl_class(small), (letter & 32) == 0);
    return true;
  }

  Regex::Set bracket() {
    Regex::Set set;
    set.negated = take("^");
    for (bool first = true; first || !take("]"); first = false) {
      if (take("[:")) {
        const bool negated = take("^");
        const size_t end = pattern_.find(":]", at_);
        const std::string_view name = pattern_.substr(at_, end - at_);
        const auto ranges = posix_class(name);
        if (end == std::string_view::npos || !ranges) refuse("an unknown class");
        add_ranges(set, *ranges, negated);
        at_ = end + 2;
        continue;
      }
      if (pattern_.substr(at_).starts_with("\\")) {
        ++at_;
        if (add_class(set)) continue;
        --at_;
      }
      const char32_t low = bracket_letter();
      char32_t high = low;
      const std::string_view rest = pattern_.substr(at_);
      if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        ++at_;
        high = bracket_letter();
      }
      if (high < low) refuse("a range out of order");
      set.ranges.push_back({low, high});
    }
    return set;
  }

  char32_t bracket_letter() {
    const char32_t code = next();
    return code == '\\' ? escape() : code;
  }

  /** The letter behind a backslash. */
  char32_t escape() {
    const char32_t code = next();
    constexpr std::string_view kNames = "afnrtv";
    constexpr std::string_view kCodes = "\a\f\n\r\t\v";
    const size_t named = code < 128 ? kNames.find(static_cast<char>(code)) : std::string_view::npos;
    if (named != std::string_view::npos) return static_cast<char32_t>(kCodes[named]);
    if (code == 'x') {
      const bool braced = take("{");
      const char32_t value = digits(16, braced ? 6 : 2);
      if (value > kLast || (braced && !take("}"))) refuse("a bad \\x");
      return value;
    }
    if (code == '0' ||
        (code >= '1' && code <= '7' && !done() && pattern_[at_] >= '0' && pattern_[at_] <= '7')) {
      --at_;
      return digits(8, 3);
    }
    if (code < 128 && is_word(code)) refuse("an unknown escape");
    return code;
  }

  char32_t digits(char32_t base, int most) {
    char32_t value = 0;
    int count = 0;
    for (; count < most && !done(); ++count, ++at_) {
      const auto letter = static_cast<char32_t>(pattern_[at_]);
      const char32_t digit = letter <= '9' ? letter - '0' : (letter | 32) - 'a' + 10;
      if (digit >= base) break;
      value = value * base + digit;
    }
    if (count == 0) refuse("an escape without digits");
    return value;
  }

  int add(const Regex::State& state) {
    if (regex_.states_.size() >= kMostStates) refuse("a pattern that is too large");
    regex_.states_.push_back(state);
    return static_cast<int>(regex_.states_.size() - 1);
  }
  int split(int next, int other) { return add({Regex::Kind::split, next, other}); }

  /** The state that matches `part` and goes on to `next`. */
  int emit(const Part& part, int next) {
    if (++emitted_ > 4 * kMostStates) refuse("a pattern that is too large");
    switch (part.kind) {
      case Part::Kind::set:
        return add({Regex::Kind::set, next, -1, part.set});
      case Part::Kind::anchor:
        return add({Regex::Kind::assert_at, next, -1, 0, part.anchor});
      case Part::Kind::sequence:
        for (size_t i = part.parts.size(); i-- > 0;) next = emit(part.parts[i], next);
        return next;
      case Part::Kind::either: {
        int start = emit(part.parts.back(), next);
        for (size_t i = part.parts.size() - 1; i-- > 0;)
          start = split(emit(part.parts[i], next), start);
        return start;
      }
      case Part::Kind::repeat:
        break;
    }
    const Part& inner = part.parts[0];
    int start = next;
    if (part.most < 0) {
      start = split(-1, next);
      const int loop = emit(inner, start);
      regex_.states_[static_cast<size_t>(start)].next = loop;
    }
    for (int i = part.least; i < part.most; ++i) start = split(emit(inner, start), next);
    for (int i = 0; i < part.least; ++i) start = emit(inner, start);
    return start;
  }

  std::string_view pattern_;
  const std::string& where_;
  Regex& regex_;
  size_t at_ = 0;
  Flags flags_;
  int nesting_ = 0;
  size_t emitted_ = 0;
};

Regex::Regex(std::string_view pattern, const std::string& where) {
  RegexParser(pattern, where, *this).run();
}

}  // namespace whittle
