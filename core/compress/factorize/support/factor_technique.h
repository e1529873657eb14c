#pragma once

#include <string>
#include <vector>

#include "core/compress/technique.h"

namespace whittle {

/**
 * What the techniques that factorize layers have in common. Options: `own`, which choose ranks;
 * `minimize` and `samples`, and `given`, in which a report repeats `what` was found on data; when a
 * layer is replaced (breakEven, faster). The caller sets run and data_passes.
 */
TechniqueDef factor_technique(std::string name, std::string summary, std::vector<std::string> ops,
                              std::vector<OptionSpec> own, const std::string& given,
                              const std::string& what);

/** TechniqueDef::data_passes for a technique whose option is `given`. */
int factor_data_passes(const Options& options, const char* given);

}  // namespace whittle
