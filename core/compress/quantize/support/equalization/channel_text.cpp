#include "core/compress/quantize/support/equalization/channel_text.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/base/error.h"

namespace whittle {
namespace {

[[noreturn]] void wrong(const std::string& where, const std::string& expected,
                        const std::string& text) {
  fail(Code::INVALID_OPTION, where, "Expected ", expected, " for ", where, " but received \"",
       text.substr(0, 40), "\". Only a report writes it, for the model it was made from");
}

}  // namespace

double level_value(int k) {
  // 2^(i / 8), so that no library's exp2 decides the last bit.
  constexpr double kEighths[8] = {1.0,
                                  1.0905077326652577,
                                  1.189207115002721,
                                  1.2968395546510096,
                                  1.4142135623730951,
                                  1.5422108254079407,
                                  1.681792830507429,
                                  1.8340080864093424};
  const int whole = k >= 0 ? k / 8 : -((-k + 7) / 8);
  return std::ldexp(kEighths[k - 8 * whole], whole);
}

int level_at_least(double ratio) {
  int k = level_near(ratio);
  while (k < kLevelLimit && level_value(k) < ratio) ++k;
  return k;
}

int level_near(double ratio) {
  if (!(ratio > level_value(-kLevelLimit))) return -kLevelLimit;
  if (ratio >= level_value(kLevelLimit)) return kLevelLimit;
  return static_cast<int>(std::nearbyint(8 * std::log2(ratio)));
}

double factor_value(int k) {
  // Square roots are exact to the last bit everywhere.
  double value = 1;
  double root = 2;
  const int fraction = ((k % 32) + 32) % 32;
  for (int bit = 16; bit > 0; bit /= 2) {
    root = std::sqrt(root);
    if ((fraction & bit) != 0) value *= root;
  }
  return std::ldexp(value, (k - fraction) / 32);
}

int factor_near(double ratio) {
  const double k = std::nearbyint(32 * std::log2(ratio));
  return static_cast<int>(std::clamp<double>(k, -kFactorLimit, kFactorLimit));
}

std::string write_levels(const std::vector<int>& levels) {
  std::string text;
  for (int k : levels) {
    if (!text.empty()) text += ' ';
    text += std::to_string(k);
  }
  return text;
}

std::vector<int> read_levels(const std::string& text, size_t channels, const std::string& where,
                             int limit) {
  std::istringstream stream(text);
  std::vector<int> levels;
  int k = 0;
  while (levels.size() < channels && stream >> k) {
    if (k < -limit || k > limit) break;
    levels.push_back(k);
  }
  stream >> std::ws;
  if (levels.size() != channels || !stream.eof()) {
    wrong(where, concat(channels, " integers, one per channel"), text);
  }
  return levels;
}

std::string write_sparse(const std::vector<float>& values) {
  std::ostringstream stream;
  stream.precision(9);
  for (size_t c = 0; c < values.size(); ++c) {
    if (values[c] == 0) continue;
    if (stream.tellp() > 0) stream << ' ';
    stream << c << ':' << values[c];
  }
  return stream.str();
}

std::vector<float> read_sparse(const std::string& text, size_t channels, const std::string& where) {
  std::istringstream stream(text);
  std::vector<float> values(channels, 0.0f);
  size_t c = 0;
  while (stream >> c) {
    float value = 0;
    char colon = 0;
    if (!(stream >> colon >> value) || colon != ':' || c >= channels || !std::isfinite(value)) {
      wrong(where, concat("\"channel:value\" pairs of ", channels, " channels"), text);
    }
    values[c] = value;
  }
  if (!stream.eof()) wrong(where, "\"channel:value\" pairs", text);
  return values;
}

float rounded_down(float value) {
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);
  return std::ldexp(std::floor(fraction * 256) / 256, exponent);
}

}  // namespace whittle
