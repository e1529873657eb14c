#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/options.h"

namespace whittle {

/** A form that the weights of a layer may take: as they are, or as a quantize-weights step with
 * these options makes them. */
struct MixedForm {
  std::string name;  // "int4-64"; "float" leaves them alone
  nlohmann::json options;
  int bits = 32;

  bool is_float() const { return bits == 32; }
};

/** Every form there is, the widest first. */
const std::vector<MixedForm>& mixed_forms();

/** candidates, and the options of learned rounding, which the forms under 8 bits get. */
std::vector<OptionSpec> mixed_form_options();
/** The forms that the options of a step or layer allow. */
std::vector<MixedForm> allowed_forms(const Options& options);
/** How many of them are rounded by looking at data. */
int learned_forms(const Options& options);

}  // namespace whittle
