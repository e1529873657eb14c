#include "core/compress/quantize/support/mixed/mixed_forms.h"

#include <algorithm>

#include "core/compress/quantize/support/weights/rounding.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Behind layers that are rounded already: would make the codes depend on the choice itself. */
constexpr const char* kSequential = "adaround-sequential";

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const MixedForm& form : mixed_forms()) list.push_back(form.name);
  return list;
}

}  // namespace

const std::vector<MixedForm>& mixed_forms() {
  static const std::vector<MixedForm> forms = {
      {"float", json::object(), 32},
      {"int8", {{"bits", 8}}, 8},
      {"int4-16", {{"bits", 4}, {"block", 16}}, 4},
      {"uint4", {{"bits", 4}, {"type", "unsigned"}, {"symmetric", false}}, 4},
      {"int4", {{"bits", 4}}, 4},
      {"int4-64", {{"bits", 4}, {"block", 64}}, 4},
      {"int4-128", {{"bits", 4}, {"block", 128}}, 4},
      {"int4-channel", {{"bits", 4}, {"granularity", "channel"}}, 4}};
  return forms;
}

std::vector<OptionSpec> mixed_form_options() {
  std::vector<OptionSpec> specs = {
      {.name = "candidates",
       .type = OptionType::list,
       .doc = "forms a layer may take: \"float\" as it is, \"int8\" one scale a channel, \"int4\" "
              "one scale for 32 inputs (or 16, 64, 128, the channel), \"uint4\" with zero points",
       .default_value = json::array({"float", "int8", "int4"}),
       .choices = names()}};
  for (OptionSpec& spec : rounding_options()) {
    if (spec.name == "codes") continue;
    if (spec.name == "rounding") {
      spec.doc =
          "how codes under 8 bits are chosen; \"gptq\" and \"adaround\" learn from samples "
          "which way each weight goes";
      std::erase(spec.choices, kSequential);
    }
    spec.per_layer = false;
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::vector<MixedForm> allowed_forms(const Options& options) {
  const std::vector<std::string> wanted = options.list("candidates");
  std::vector<MixedForm> allowed;
  for (const MixedForm& form : mixed_forms()) {
    if (std::find(wanted.begin(), wanted.end(), form.name) != wanted.end()) {
      allowed.push_back(form);
    }
  }
  return allowed;
}

int learned_forms(const Options& options) {
  if (rounding_of(options) == Rounding::nearest) return 0;
  const std::vector<MixedForm> forms = allowed_forms(options);
  return static_cast<int>(
      std::count_if(forms.begin(), forms.end(), [](const MixedForm& f) { return f.bits < 8; }));
}

}  // namespace whittle
