#include "core/compress/quantize/support/equalize_layers.h"
#include "core/compress/technique.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

Job run(TechniqueContext& context) {
  infer_shapes(context.model.graph, context.ops);
  co_await equalize_layers(context);
}

/** Data is read for what no layer rule of a report spells out. */
int data_passes(const Options& options) {
  return options.text("clip") == "auto" || options.boolean("absorb") ? 1 : 0;
}

}  // namespace

void register_equalize(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "equalize";
  technique.summary =
      "scales moved between neighbouring layers until all channels reach equally far, so that 8 "
      "bits fit them: the float function stays the same";
  technique.ops = {"Conv", "Gemm", "MatMul"};
  technique.needs_passes = {"eliminate-identity", "fold-constants", "fold-pad", "fold-batchnorm",
                            "eliminate-dead-code"};
  technique.data_passes = data_passes;
  OptionSpec clip;
  clip.name = "clip";
  clip.type = OptionType::choice;
  clip.doc =
      "a Clip with an upper bound between two layers: \"relu\" gives the bound up, \"min\" makes "
      "it "
      "one per channel, \"keep\" leaves the pair alone, \"auto\" chooses by calibration data";
  clip.default_value = "auto";
  clip.choices = {"auto", "relu", "min", "keep"};
  OptionSpec absorb;
  absorb.name = "absorb";
  absorb.advanced = true;
  absorb.type = OptionType::boolean;
  absorb.doc =
      "move what a channel never goes below on calibration data from the bias in front of a Relu "
      "to the bias behind";
  absorb.default_value = true;
  absorb.per_layer = false;
  OptionSpec samples;
  samples.name = "samples";
  samples.type = OptionType::integer;
  samples.doc = "most calibration samples to look at; 0 takes all";
  samples.default_value = 128;
  samples.min = 0;
  samples.per_layer = false;
  OptionSpec levels;
  levels.name = "levels";
  levels.advanced = true;
  levels.type = OptionType::text;
  levels.doc = "how high each channel reaches, as a report writes it";
  OptionSpec absorbed;
  absorbed.name = "absorbed";
  absorbed.advanced = true;
  absorbed.type = OptionType::text;
  absorbed.doc = "what was absorbed from each channel, as a report writes it";
  technique.options = {clip, absorb, samples, levels, absorbed};
  technique.not_after = {"quantize-*", "fp16", "palettize", "round-for-compression"};
  technique.pays_in_bytes = false;
  technique.weight_bits = [](const Options&) { return 32.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
