#pragma once

#include <map>
#include <string>
#include <vector>

namespace whittle {

// How a recipe holds what data told about channels: short texts, exact when read again.

/** Levels are kept in eighths of a power of two: the factor 2^(k / 8), k in [-kLevelLimit,
 * kLevelLimit]. The same bits on every machine. */
inline constexpr int kLevelLimit = 200;
double level_value(int k);
/** The least k whose level is at least `ratio`; the lowest for nothing above 0. */
int level_at_least(double ratio);
/** The k whose level is nearest in proportion. */
int level_near(double ratio);

/** Factors are kept more finely, in steps of 2^(1 / 32). */
inline constexpr int kFactorLimit = 32 * 16;
double factor_value(int k);
/** The k whose factor is nearest in proportion. */
int factor_near(double ratio);

/** "-3 0 17": one integer per channel. */
std::string write_levels(const std::vector<int>& levels);
/** Throws INVALID_OPTION naming `where` unless `text` holds `channels` integers up to `limit`. */
std::vector<int> read_levels(const std::string& text, size_t channels, const std::string& where,
                             int limit = kLevelLimit);

/** "3:0.25 17:1.5": the channels with a value other than zero. */
std::string write_sparse(const std::vector<float>& values);
std::vector<float> read_sparse(const std::string& text, size_t channels, const std::string& where);
/** The float nearest below `value` > 0 with 8 significant bits, which has few digits. */
float rounded_down(float value);

}  // namespace whittle
