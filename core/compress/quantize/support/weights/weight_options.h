#pragma once

#include <vector>

#include "core/compress/options.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"

namespace whittle {

/** bits, type, symmetric, granularity, block, clip: how the weights of a layer become integers. */
std::vector<OptionSpec> weight_format_options();

/** What those options say; 8 bits, signed, symmetric, one scale a channel where they are absent. */
WeightFormat weight_format(const Options& options);
/** Whether scales are moved to the least error instead of the widest weight. */
bool clips_to_least_error(const Options& options);

/** The format as it can be had on a weight: blocks need an input axis of at least kShortBlock, else
 * one scale a channel takes their place. */
inline constexpr int64_t kShortBlock = 16;
WeightFormat usable_format(WeightFormat format, const Shape& shape, WeightAxes axes);

/** Bits a weight takes with its scales, for dry runs. */
double weight_bits(const Options& options);

/** "int4, blocks of 32": how reports name a format. */
std::string format_name(const WeightFormat& format);

}  // namespace whittle
