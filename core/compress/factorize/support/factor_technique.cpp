#include "core/compress/factorize/support/factor_technique.h"

#include <utility>

namespace whittle {

TechniqueDef factor_technique(std::string name, std::string summary, std::vector<std::string> ops,
                              std::vector<OptionSpec> own, const std::string& given,
                              const std::string& what) {
  TechniqueDef technique;
  technique.name = std::move(name);
  technique.summary = std::move(summary);
  technique.ops = std::move(ops);
  technique.needs_passes = weight_passes();
  technique.needs_passes.push_back("fold-batchnorm");  // what a channel is scaled by counts
  technique.not_after = {"fp16", "quantize-*", "mixed-precision", "palettize",
                         "round-for-compression"};
  technique.changes_layers = true;
  technique.options = std::move(own);
  std::vector<OptionSpec>& specs = technique.options;
  specs.push_back({.name = "minimize",
                   .type = OptionType::choice,
                   .doc = "the error of the \"weights\", or of the layer's \"outputs\" on "
                          "calibration data: energy and error then count those",
                   .default_value = "weights",
                   .choices = {"weights", "outputs"}});
  specs.push_back({.name = "samples",
                   .type = OptionType::integer,
                   .doc = "most calibration samples to look at; 0 takes all",
                   .default_value = 32,
                   .min = 0,
                   .per_layer = false});
  specs.push_back({.name = given,
                   .type = OptionType::text,
                   .doc = concat(what, ", as a report writes it"),
                   .advanced = true});
  specs.push_back({.name = "breakEven",
                   .type = OptionType::boolean,
                   .doc = "leave a layer alone when its factors would hold as many numbers as it",
                   .default_value = true});
  specs.push_back({.name = "faster",
                   .type = OptionType::boolean,
                   .doc = "leave a layer alone when its factors would take as long as it, by the "
                          "cost model",
                   .default_value = true});
  return technique;
}

int factor_data_passes(const Options& options, const char* given) {
  return options.text("minimize") == "outputs" && !options.given(given) ? 1 : 0;
}

}  // namespace whittle
