#include "core/compress/technique.h"

#include <cmath>

#include "core/base/nearest.h"

namespace whittle {

void StepReport::touch(const Node& node, nlohmann::json detail) {
  touched.push_back({node.name, node.op, std::move(detail)});
}

void StepReport::leave(const Node& node, std::string reason) {
  left_alone.push_back({node.name, node.op, std::move(reason)});
}

std::vector<Layer> TechniqueContext::layers(const std::vector<std::string>& wanted_ops,
                                            const std::vector<std::string>& optional_ops) const {
  return select_layers(model.graph, wanted_ops, optional_ops, options, rules);
}

void TechniqueTable::add(TechniqueDef technique) {
  std::string name = technique.name;
  techniques_.insert_or_assign(std::move(name), std::move(technique));
}

const TechniqueDef* TechniqueTable::find(std::string_view name) const {
  const auto found = techniques_.find(name);
  return found == techniques_.end() ? nullptr : &found->second;
}

const TechniqueDef& TechniqueTable::at(std::string_view name, const std::string& path) const {
  const TechniqueDef* technique = find(name);
  if (technique == nullptr) {
    std::string known;
    for (const std::string& each : names()) known += (known.empty() ? "" : ", ") + each;
    std::string advice = did_you_mean(name, names());
    if (advice.empty()) advice = ". Known are " + known;
    fail(Code::UNKNOWN_TECHNIQUE, path, "Expected a known technique for ", path, " but received \"",
         name, "\"", advice);
  }
  return *technique;
}

std::vector<std::string> TechniqueTable::names() const {
  std::vector<std::string> list;
  for (const auto& [name, technique] : techniques_) list.push_back(name);
  return list;
}

std::vector<std::string> weight_passes() {
  return {"eliminate-identity", "fold-constants", "eliminate-dead-code"};
}

const TechniqueTable& all_techniques() {
  static const TechniqueTable table = [] {
    TechniqueTable made;
    register_all_techniques(made);
    return made;
  }();
  return table;
}

namespace {

/** Under its default options. */
bool needs_data(const TechniqueDef& technique) {
  if (technique.data_passes == nullptr) return false;
  return technique.data_passes(Options(technique.options, nlohmann::json::object(), "")) > 0;
}

nlohmann::json option_schema(const OptionSpec& spec) {
  nlohmann::json schema = {{"name", spec.name},
                           {"type", option_type_name(spec.type)},
                           {"doc", spec.doc},
                           {"perLayer", spec.per_layer}};
  if (!spec.default_value.is_null()) schema["default"] = spec.default_value;
  if (!spec.unit.empty()) schema["unit"] = spec.unit;
  if (std::isfinite(spec.min)) schema["min"] = spec.min;
  if (std::isfinite(spec.max)) schema["max"] = spec.max;
  if (!spec.choices.empty()) schema["choices"] = spec.choices;
  if (spec.advanced) schema["advanced"] = true;
  return schema;
}

/** Stores weights in fewer bits than a float has: a layer may be kept out of it. */
bool narrows(const TechniqueDef& technique) {
  if (technique.weight_bits == nullptr) return technique.quantizes;
  return technique.weight_bits(Options(technique.options, nlohmann::json::object(), "")) < 32;
}

}  // namespace

nlohmann::json technique_schema() {
  nlohmann::json techniques = nlohmann::json::array();
  for (const auto& [name, technique] : all_techniques().all()) {
    nlohmann::json options = nlohmann::json::array();
    for (const OptionSpec& spec : technique.options) options.push_back(option_schema(spec));
    techniques.push_back({{"name", name},
                          {"summary", technique.summary},
                          {"options", std::move(options)},
                          {"ops", technique.ops},
                          {"optionalOps", technique.optional_ops},
                          {"narrows", narrows(technique)},
                          {"needsData", needs_data(technique)},
                          {"needsLabels", technique.needs_labels},
                          {"notAfter", technique.not_after}});
  }
  return techniques;
}

}  // namespace whittle
