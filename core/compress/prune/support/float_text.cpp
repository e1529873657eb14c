#include "core/compress/prune/support/float_text.h"

#include <bit>
#include <cstdint>

#include "core/base/error.h"

namespace whittle {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

float text_rounded(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  // To even; what overflows into the exponent is the next power of two, as it should be.
  const uint32_t rounded = (bits + 0x7F + ((bits >> 8) & 1)) & ~uint32_t{0xFF};
  return std::bit_cast<float>(rounded);
}

std::string write_floats(std::span<const float> values) {
  std::string text;
  text.reserve(values.size() * 4);
  for (float value : values) {
    const uint32_t bits = std::bit_cast<uint32_t>(value) >> 8;
    for (int shift = 18; shift >= 0; shift -= 6) text += kLetters[(bits >> shift) & 63];
  }
  return text;
}

std::vector<float> read_floats(std::string_view text, size_t count, const std::string& where) {
  const auto refuse = [&] {
    fail(Code::INVALID_OPTION, where, "Expected ", count, " numbers of four letters for ", where,
         " but received ", text.size(), " letters: \"", text.substr(0, 20), "\"");
  };
  if (text.size() != count * 4) refuse();
  std::vector<float> values;
  values.reserve(count);
  for (size_t at = 0; at < text.size(); at += 4) {
    uint32_t bits = 0;
    for (char letter : text.substr(at, 4)) {
      const size_t place = kLetters.find(letter);
      if (place == std::string_view::npos) refuse();
      bits = bits << 6 | static_cast<uint32_t>(place);
    }
    values.push_back(std::bit_cast<float>(bits << 8));
  }
  return values;
}

}  // namespace whittle
