#include "core/compress/quantize/support/weights/weight_options.h"

#include "core/base/error.h"

namespace whittle {

std::vector<OptionSpec> weight_format_options() {
  return {{.name = "bits",
           .type = OptionType::integer,
           .doc = "bits of a weight; 4 needs opset 21 in the file",
           .default_value = 8,
           .choices = {"8", "4"}},
          {.name = "type",
           .type = OptionType::choice,
           .doc = "signed or unsigned integers",
           .default_value = "signed",
           .choices = {"signed", "unsigned"},
           .advanced = true},
          {.name = "symmetric",
           .type = OptionType::boolean,
           .doc = "zero in the middle of the integers; else a zero point beside each scale",
           .default_value = true,
           .advanced = true},
          {.name = "granularity",
           .type = OptionType::choice,
           .doc = "one scale per output channel, tensor, or block of inputs of a channel. Unset: "
                  "channel with 8 bits, block with 4",
           .choices = {"channel", "tensor", "block"}},
          {.name = "block",
           .type = OptionType::integer,
           .doc = "inputs that share a scale; layers of fewer than 16 inputs get one per channel",
           .default_value = 32,
           .choices = {"16", "32", "64", "128", "256"}},
          {.name = "clip",
           .type = OptionType::choice,
           .doc = "\"none\": scales reach the widest weight, \"mse\": each scale is the one of the "
                  "least squared error. Unset: none with 8 bits, mse with 4",
           .choices = {"none", "mse"},
           .advanced = true}};
}

WeightFormat weight_format(const Options& options) {
  WeightFormat format;
  if (!options.has("bits")) return format;
  format.bits = static_cast<int>(options.integer("bits"));
  format.is_signed = options.text("type") == "signed";
  format.symmetric = options.boolean("symmetric");
  format.block = options.integer("block");
  if (options.has("granularity")) {
    const std::string granularity = options.text("granularity");
    format.granularity = granularity == "tensor"    ? Granularity::tensor
                         : granularity == "channel" ? Granularity::channel
                                                    : Granularity::block;
  } else {
    format.granularity = format.bits == 4 ? Granularity::block : Granularity::channel;
  }
  return format;
}

bool clips_to_least_error(const Options& options) {
  if (options.has("clip")) return options.text("clip") == "mse";
  return options.has("bits") && options.integer("bits") == 4;
}

WeightFormat usable_format(WeightFormat format, const Shape& shape, WeightAxes axes) {
  const bool blocks = format.granularity == Granularity::block;
  if (blocks && shape[axes.input] < kShortBlock) format.granularity = Granularity::channel;
  return format;
}

double weight_bits(const Options& options) {
  const WeightFormat format = weight_format(options);
  double bits = format.bits;
  if (format.granularity == Granularity::block) {
    bits += (format.symmetric ? 32.0 : 32.0 + format.bits) / static_cast<double>(format.block);
  }
  return bits;
}

std::string format_name(const WeightFormat& format) {
  std::string name = concat(format.is_signed ? "int" : "uint", format.bits);
  if (format.granularity == Granularity::block) return concat(name, ", blocks of ", format.block);
  return name + (format.granularity == Granularity::tensor ? " per tensor" : " per channel");
}

}  // namespace whittle
