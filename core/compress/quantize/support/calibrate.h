#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/quantize/support/placement.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * Runs the model on the samples of one pass over the data and keeps the least and greatest value of
 * each of `values`, in memory that does not grow with the number of samples. At most `most`
 * samples. Throws EMPTY_DATA, and INVALID_DATA naming the sample when an input or a range is not
 * finite.
 */
Job observe_ranges(TechniqueContext& context, const std::vector<ValueId>& values, int64_t most,
                   std::map<ValueId, RangeOfValue>& ranges);

}  // namespace whittle
