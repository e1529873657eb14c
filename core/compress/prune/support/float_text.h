#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whittle {

// Numbers that a step has learned from data, as a recipe holds them: four letters of base64url for
// each, its sign, its exponent and 15 bits of its fraction (a relative error of 2^-17).

/** The nearest number that four letters hold. */
float text_rounded(float value);
/** The letters of numbers that have been rounded so. */
std::string write_floats(std::span<const float> values);
/** Throws INVALID_OPTION naming `where` unless `text` holds `count` numbers. */
std::vector<float> read_floats(std::string_view text, size_t count, const std::string& where);

}  // namespace whittle
