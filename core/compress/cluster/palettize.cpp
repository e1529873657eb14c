#include "core/compress/cluster/support/learn_palette.h"
#include "core/compress/cluster/support/palette_plan.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers = context.layers(weight_ops());
  PalettePlan plan(context);
  co_await plan.make(layers);
  plan.report(layers);
  NameMaker names(context.model.graph);
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    ConstantPool pool(graph, names);
    plan.apply(graph, before, names, pool);
  });
}

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> specs;
  specs.push_back({.name = "bits",
                   .type = OptionType::integer,
                   .doc = "the codebook has 2^bits values; up to 4 bits are stored in 4, more in 8",
                   .default_value = 4,
                   .unit = "bits",
                   .min = 1,
                   .max = 8});
  specs.push_back({.name = "groupSize",
                   .type = OptionType::integer,
                   .doc = "consecutive output channels that share a codebook; 0: all; unset: a "
                          "multiple of 8 whose codes outweigh the codebook eight times",
                   .min = 0});
  specs.push_back({.name = "method",
                   .type = OptionType::choice,
                   .doc =
                       "\"kmeans\": k-means++ seeds and Lloyd's iteration; \"optimal\": the least "
                       "error there is, slower",
                   .default_value = "kmeans",
                   .choices = {"kmeans", "optimal"},
                   .advanced = true});
  specs.push_back({.name = "weighting",
                   .type = OptionType::choice,
                   .doc =
                       "\"activations\": an error counts by the mean square of what the weight is "
                       "multiplied with on calibration data",
                   .default_value = "none",
                   .choices = {"none", "activations"},
                   .per_layer = false});
  specs.push_back({.name = "rounding",
                   .type = OptionType::choice,
                   .doc = "\"nearest\": each weight gets the nearest value of the codebook; "
                          "\"gptq\": codes and codebooks are learned from samples, so that the "
                          "layer's output changes least; \"gptq-sequential\": behind earlier "
                          "layers that are palettes already, in up to 16 runs over the samples",
                   .default_value = "nearest",
                   .choices = palette_rounding_names()});
  specs.push_back({.name = "roundingSamples",
                   .type = OptionType::integer,
                   .doc = "most samples that gptq looks at; 0 takes all",
                   .default_value = 256,
                   .min = 0,
                   .per_layer = false,
                   .advanced = true});
  specs.push_back({.name = "shared",
                   .type = OptionType::boolean,
                   .doc =
                       "one codebook for all layers of as many bits, times a scale for each layer "
                       "or group of channels",
                   .default_value = false,
                   .per_layer = false,
                   .advanced = true});
  specs.push_back({.name = "storage",
                   .type = OptionType::choice,
                   .doc =
                       "how codes of up to 4 bits are stored: \"uint4\" needs opset 21, \"uint8\" "
                       "(two to a byte, taken apart by operators) opset 18",
                   .default_value = "uint4",
                   .choices = {"uint4", "uint8"},
                   .advanced = true});
  specs.push_back({.name = "codebook",
                   .type = OptionType::numbers,
                   .doc = "the values themselves, in place of clustering, as a report writes them",
                   .advanced = true});
  specs.push_back({.name = "codes",
                   .type = OptionType::texts,
                   .doc = "how codes differ from nearest by weight name, as a report writes them; "
                          "no data is needed for them then",
                   .per_layer = false,
                   .advanced = true});
  return specs;
}

/** One for the weighting, one for the rounding. */
int data_passes(const Options& given) {
  const bool learned = given.text("rounding") != "nearest" && !given.given("codes");
  return (given.text("weighting") == "activations" ? 1 : 0) + (learned ? 1 : 0);
}

}  // namespace

void register_palettize(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "palettize";
  technique.summary =
      "weights as codes of 1 to 8 bits into a codebook of clustered values; arithmetic stays "
      "float; data only for weighting and learned rounding";
  technique.ops = weight_ops();
  technique.needs_passes = weight_passes();
  technique.options = options();
  technique.data_passes = data_passes;
  technique.not_after = {"fp16", "quantize-*", "mixed-precision", "palettize"};
  technique.weight_bits = [](const Options& given) {
    return given.integer("bits") <= 4 ? 4.0 : 8.0;
  };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
