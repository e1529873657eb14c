#include "core/ops/support/utf8.h"

namespace whittle {
namespace {

/** Capitals in [first, last]: with `step` 0 each one's small letter is `shift` further; with `step`
 * 1 capitals and small letters take turns, capitals at even (0) or odd (1) codes by `shift`. */
struct CaseRange {
  char32_t first;
  char32_t last;
  uint8_t step;
  uint8_t shift;
};

constexpr CaseRange kCases[] = {
    {'A', 'Z', 0, 32},      {0xC0, 0xD6, 0, 32},    {0xD8, 0xDE, 0, 32},   {0x100, 0x12F, 1, 0},
    {0x132, 0x137, 1, 0},   {0x139, 0x148, 1, 1},   {0x14A, 0x177, 1, 0},  {0x179, 0x17E, 1, 1},
    {0x388, 0x38A, 0, 37},  {0x391, 0x3A1, 0, 32},  {0x3A3, 0x3AB, 0, 32}, {0x400, 0x40F, 0, 80},
    {0x410, 0x42F, 0, 32},  {0x460, 0x481, 1, 0},   {0x48A, 0x4BF, 1, 0},  {0x4D0, 0x52F, 1, 0},
    {0x1E00, 0x1E95, 1, 0}, {0x1EA0, 0x1EFF, 1, 0},
};

}  // namespace

char32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(at++);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < static_cast<size_t>(more)) return 0xFFFD;
  char32_t code = lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    if ((byte(at + static_cast<size_t>(i)) & 0xC0) != 0x80) return 0xFFFD;
    code = code << 6 | (byte(at + static_cast<size_t>(i)) & 0x3F);
  }
  at += static_cast<size_t>(more);
  return code;
}

void append_code_point(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  put((0xF00 >> (more + 1) & 0xFF) | code >> (6 * more));
  while (more-- > 0) put(0x80 | (code >> (6 * more) & 0x3F));
}

char32_t to_lower(char32_t code) {
  for (const CaseRange& range : kCases) {
    if (code < range.first || code > range.last) continue;
    if (range.step == 0) return code + range.shift;
    return (code & 1) == range.shift ? code + 1 : code;
  }
  return code;
}

char32_t to_upper(char32_t code) {
  for (const CaseRange& range : kCases) {
    const char32_t shift = range.step == 0 ? range.shift : 0;
    if (code < range.first + shift || code > range.last + shift) continue;
    if (range.step == 0) return code - range.shift;
    return (code & 1) == range.shift ? code : code - 1;
  }
  return code;
}

std::string map_code_points(std::string_view text, char32_t (*map)(char32_t)) {
  std::string mapped;
  for (size_t at = 0; at < text.size();) append_code_point(mapped, map(next_code_point(text, at)));
  return mapped;
}

}  // namespace whittle
