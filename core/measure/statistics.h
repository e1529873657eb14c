#pragma once

#include <cstdint>
#include <span>

#include "core/base/json.h"

namespace whittle {

/** A closed interval. */
struct Interval {
  double low = 0;
  double high = 1;
};

/** Wilson's score interval of a share: `hits` of `count`, at `z` standard deviations (1.96: 95 %).
 * (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). [0, 1] when count is 0. */
Interval wilson(int64_t hits, int64_t count, double z = 1.959963984540054);

/**
 * The interval of a difference of two shares on the same samples: (only_first - only_second) /
 * count, where `only_first` samples are hits of the first alone, `only_second` of the second alone.
 * Agresti and Min's (2005) adjusted Wald interval: half a sample is added to each of the four
 * cells.
 */
Interval paired_difference(int64_t only_first, int64_t only_second, int64_t count,
                           double z = 1.959963984540054);

/** About how many samples make Wilson's lower end reach `bound` at the share `share` > bound. */
int64_t samples_to_resolve(double share, double bound, double z = 1.959963984540054);

/** Order statistics of time samples in ms: {runs, median, p95, mean, min, max, spread} where spread
 * is (p90 - p10) / median. Quantiles interpolate linearly between order statistics (type 7). */
nlohmann::json latency_statistics(std::span<const double> milliseconds);
/** The quantile q in [0, 1] of unsorted samples, type 7. */
double quantile(std::span<const double> samples, double q);

}  // namespace whittle
