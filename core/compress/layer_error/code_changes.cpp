#include "core/compress/layer_error/code_changes.h"

#include "core/base/error.h"

namespace whittle {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kLongestRun = 20;
constexpr int kEscape = 63;
constexpr int kOffset = 2048;

}  // namespace

std::string encode_changes(std::span<const int8_t> from, std::span<const int8_t> to) {
  std::string text;
  size_t run = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    const auto change = static_cast<int8_t>(to[i] - from[i]);
    if (change == 0) {
      ++run;
      continue;
    }
    while (run > kLongestRun) {
      text += kLetters[kLongestRun * 3 + 2];
      run -= kLongestRun + 1;
    }
    if (change == 1 || change == -1) {
      text += kLetters[run * 3 + (change == 1 ? 0 : 1)];
    } else {
      if (run > 0) text += kLetters[(run - 1) * 3 + 2];
      const auto value = static_cast<size_t>(change + kOffset);
      text += kLetters[kEscape];
      text += kLetters[value / 64];
      text += kLetters[value % 64];
    }
    run = 0;
  }
  return text;
}

void apply_changes(std::string_view text, std::span<int8_t> codes, const std::string& where) {
  size_t at = 0;
  size_t read = 0;
  const auto letter = [&] {
    const size_t value = read < text.size() ? kLetters.find(text[read++]) : std::string::npos;
    if (value == std::string::npos) {
      fail(Code::INVALID_OPTION, where, "Expected changes of codes as a report writes them for ",
           where, " but received another text");
    }
    return static_cast<int>(value);
  };
  const auto change = [&](int by) {
    if (at >= codes.size()) {
      fail(Code::INVALID_OPTION, where, "Expected changes for at most ", codes.size(),
           " codes for ", where, " but received more. They belong to another model or recipe");
    }
    codes[at] = static_cast<int8_t>(codes[at] + by);
    ++at;
  };
  while (read < text.size()) {
    const int value = letter();
    if (value == kEscape) {
      const int high = letter();
      change(high * 64 + letter() - kOffset);
      continue;
    }
    at += static_cast<size_t>(value / 3);
    if (value % 3 == 2) {
      ++at;
    } else {
      change(value % 3 == 0 ? 1 : -1);
    }
  }
}

}  // namespace whittle
