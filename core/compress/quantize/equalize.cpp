#include "core/compress/quantize/support/equalization/equalize_layers.h"
#include "core/compress/quantize/support/equalization/equalize_noise.h"
#include "core/compress/quantize/support/equalization/smooth_quant.h"
#include "core/compress/technique.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

Job run(TechniqueContext& context) {
  infer_shapes(context.model.graph, context.ops);
  const std::string method = context.options.text("method");
  if (method == "weights") {
    co_await equalize_layers(context);
  } else if (method == "smoothquant") {
    co_await smooth_layers(context);
  } else if (method == "noise") {
    co_await equalize_for_noise(context);
  } else if (has_smoothed_layers(context)) {
    co_await smooth_as_given(context);
  } else {
    co_await equalize_as_given(context);
  }
}

/** Data is read for what no layer rule of a report spells out. */
int data_passes(const Options& options) {
  const std::string method = options.text("method");
  if (method == "given") return 0;
  if (method != "weights") return 1;
  return options.text("clip") == "auto" || options.boolean("absorb") ? 1 : 0;
}

OptionSpec decided(std::string name, std::string doc) {
  return {
      .name = std::move(name), .type = OptionType::text, .doc = std::move(doc), .advanced = true};
}

std::vector<OptionSpec> equalize_options() {
  return {
      {.name = "method",
       .type = OptionType::choice,
       .doc = "\"noise\": the factors with the least noise of 8-bit rounding predicted at the "
              "outputs, \"weights\": largest weights of neighbours made equal (Nagel et al. 2019), "
              "\"smoothquant\": outliers of activations moved into the weights that read them "
              "(Xiao et al. 2023), \"given\": as a report spells it out",
       .default_value = "noise",
       .choices = {"noise", "weights", "smoothquant", "given"},
       .per_layer = false},
      {.name = "weights",
       .type = OptionType::choice,
       .doc = "what the step that quantizes will do, for \"noise\": one weight scale per output "
              "channel, or one per tensor",
       .default_value = "channel",
       .choices = {"channel", "tensor"},
       .per_layer = false},
      {.name = "depthwise",
       .type = OptionType::choice,
       .doc = "the same for depthwise convolutions: one scale per channel whatever `weights` says, "
              "or as the others",
       .default_value = "channel",
       .choices = {"channel", "as-weights"},
       .per_layer = false},
      {.name = "typical",
       .type = OptionType::number,
       .doc =
           "how far a channel is taken to reach, for \"noise\": 0 its extremes, as min-max ranges "
           "do, 1 the mean of each sample's, as ranges that cut off rare values",
       .default_value = 0,
       .min = 0,
       .max = 1,
       .per_layer = false,
       .advanced = true},
      {.name = "check",
       .type = OptionType::boolean,
       .doc = "\"noise\" quantizes the model with and without its factors on calibration samples "
              "and leaves it alone where the outputs are nearer without",
       .default_value = true,
       .per_layer = false,
       .advanced = true},
      {.name = "alpha",
       .type = OptionType::number,
       .doc = "how much of the outliers SmoothQuant moves into the weights: 0 none, 1 all",
       .default_value = 0.5,
       .min = 0,
       .max = 1},
      {.name = "insert",
       .type = OptionType::boolean,
       .doc =
           "SmoothQuant adds a multiplication of its own where nothing in front of a layer takes "
           "the factors",
       .default_value = false},
      {.name = "clip",
       .type = OptionType::choice,
       .doc = "a Clip with an upper bound between two layers: \"relu\" gives the bound up, \"min\" "
              "makes it one per channel, \"keep\" leaves the pair alone, \"auto\" chooses by "
              "calibration data",
       .default_value = "auto",
       .choices = {"auto", "relu", "min", "keep"}},
      {.name = "absorb",
       .type = OptionType::boolean,
       .doc =
           "move what a channel never goes below on calibration data from the bias in front of a "
           "Relu to the bias behind",
       .default_value = true,
       .per_layer = false,
       .advanced = true},
      {.name = "samples",
       .type = OptionType::integer,
       .doc = "most calibration samples to look at; 0 takes all",
       .default_value = 128,
       .min = 0,
       .per_layer = false},
      decided("factors", "by what each channel is multiplied, as a report writes it"),
      decided("smoothed", "SmoothQuant's factors of a layer's inputs, as a report writes them"),
      decided("levels", "how high each channel reaches, as a report writes it"),
      decided("absorbed", "what was absorbed from each channel, as a report writes it"),
  };
}

}  // namespace

void register_equalize(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "equalize";
  technique.summary =
      "scales moved between neighbouring layers so that 8 bits fit their channels: the float "
      "function stays the same";
  technique.ops = {"Conv", "Gemm", "MatMul"};
  technique.needs_passes = {"eliminate-identity", "fold-constants", "fold-pad",
                            "fold-bias",          "fold-batchnorm", "eliminate-dead-code"};
  technique.data_passes = data_passes;
  technique.options = equalize_options();
  technique.not_after = {"quantize-*", "mixed-precision", "fp16", "palettize",
                         "round-for-compression"};
  technique.pays_in_bytes = false;
  technique.weight_bits = [](const Options&) { return 32.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
