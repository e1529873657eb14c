#include <algorithm>

#include "core/compress/quantize/support/weights/rounding.h"

namespace whittle {
namespace {

const std::vector<std::string>& method_names() {
  static const std::vector<std::string> names = {"nearest", "gptq", "gptq-sequential", "adaround",
                                                 "adaround-sequential"};
  return names;
}

}  // namespace

const std::string& rounding_name(Rounding method) {
  return method_names()[static_cast<size_t>(method)];
}

bool is_sequential(Rounding method) {
  return method == Rounding::gptq_sequential || method == Rounding::adaround_sequential;
}

std::vector<OptionSpec> rounding_options() {
  return {{.name = "rounding",
           .type = OptionType::choice,
           .doc = "\"nearest\" needs no data; \"gptq\" and \"adaround\" learn from samples which "
                  "way each weight goes, the \"-sequential\" ones behind earlier layers that are "
                  "rounded already, in up to 16 runs over the samples",
           .default_value = "nearest",
           .choices = method_names()},
          {.name = "actOrder",
           .type = OptionType::boolean,
           .doc = "gptq: round the inputs of the greatest power first",
           .default_value = true,
           .advanced = true},
          {.name = "sweeps",
           .type = OptionType::integer,
           .doc = "gptq: most sweeps of coordinate descent over the weights afterwards",
           .default_value = 4,
           .min = 0,
           .max = 100,
           .advanced = true},
          {.name = "iterations",
           .type = OptionType::integer,
           .doc = "adaround: steps of Adam for each layer",
           .default_value = 1000,
           .min = 1,
           .max = 100000,
           .advanced = true},
          {.name = "roundingSamples",
           .type = OptionType::integer,
           .doc = "most samples that rounding looks at; 0 takes all",
           .default_value = 256,
           .min = 0,
           .per_layer = false,
           .advanced = true},
          {.name = "codes",
           .type = OptionType::texts,
           .doc = "how codes differ from nearest by weight name, as a report writes them; no data "
                  "is needed then",
           .per_layer = false,
           .advanced = true}};
}

Rounding rounding_of(const Options& options) {
  if (!options.has("rounding")) return Rounding::nearest;
  const std::string name = options.text("rounding");
  const auto& names = method_names();
  return static_cast<Rounding>(std::find(names.begin(), names.end(), name) - names.begin());
}

int rounding_passes(const Options& options) {
  return rounding_of(options) == Rounding::nearest || options.given("codes") ? 0 : 1;
}

void RoundedWeight::set_options(const Options& options) {
  method = rounding_of(options);
  if (method == Rounding::nearest) return;
  act_order = options.boolean("actOrder");
  sweeps = options.integer("sweeps");
  iterations = options.integer("iterations");
}

}  // namespace whittle
