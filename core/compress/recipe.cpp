#include "core/compress/recipe.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/measure/summary.h"

namespace whittle {
namespace {

using nlohmann::json;

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] void wrong(const std::string& path, std::string_view expected, const json& value) {
  fail(Code::INVALID_RECIPE, path, "Expected ", expected, " for ", path, " but received ",
       shown(value));
}

void check_keys(const json& object, const std::vector<std::string>& known,
                const std::string& path) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const std::string& each : known) list += (list.empty() ? "" : ", ") + each;
    std::string advice = did_you_mean(key, known);
    if (advice.empty()) advice = ". Known are " + list;
    fail(Code::INVALID_RECIPE, key, "Expected a known key for ", path, " but received \"", key,
         "\"", advice);
  }
}

LayerRule parse_rule(const json& source, const std::string& path) {
  if (!source.is_object()) wrong(path, "an object like {\"name\": \"*\"}", source);
  LayerRule rule;
  rule.path = path;
  for (const auto& [key, value] : source.items()) {
    const std::string place = path + "." + key;
    if (key == "name") {
      if (!value.is_string()) wrong(place, "a name or a pattern", value);
      rule.name = value.get<std::string>();
    } else if (key == "op") {
      if (!value.is_string()) wrong(place, "an operator's name", value);
      rule.op = value.get<std::string>();
    } else if (key == "index") {
      if (!value.is_number_integer()) wrong(place, "an integer", value);
      rule.index = value.get<int64_t>();
    } else if (key == "skip") {
      if (!value.is_boolean()) wrong(place, "true or false", value);
      rule.skip = value.get<bool>();
    } else {
      rule.overrides[key] = value;
    }
  }
  if (rule.skip && !rule.overrides.empty()) {
    wrong(path, "no options beside \"skip\"", source);
  }
  return rule;
}

RecipeStep parse_step(const json& source, const std::string& path,
                      const TechniqueTable& techniques) {
  if (!source.is_object()) wrong(path, "an object like {\"technique\": \"fp16\"}", source);
  const auto name = source.find("technique");
  if (name == source.end() || !name->is_string()) {
    wrong(path + ".technique", "a technique's name", name == source.end() ? json() : *name);
  }
  RecipeStep step;
  step.path = path;
  step.source = source;
  step.technique = &techniques.at(name->get<std::string>(), path + ".technique");
  json values = json::object();
  for (const auto& [key, value] : source.items()) {
    if (key == "technique") continue;
    if (key == "keep") {
      if (!value.is_boolean()) wrong(path + ".keep", "true or false", value);
      step.keep = value.get<bool>();
    } else if (key == "layers") {
      if (!value.is_array()) wrong(path + ".layers", "an array of layer rules", value);
      for (size_t i = 0; i < value.size(); ++i) {
        step.rules.push_back(parse_rule(value[i], concat(path, ".layers[", i, "]")));
      }
    } else {
      values[key] = value;
    }
  }
  step.options = Options(step.technique->options, values, path);
  for (const LayerRule& rule : step.rules) {
    step.options.with(rule.overrides, rule.path);
    const TechniqueDef& technique = *step.technique;
    if (!rule.op) continue;
    std::vector<std::string> ops = technique.ops;
    ops.insert(ops.end(), technique.optional_ops.begin(), technique.optional_ops.end());
    if (std::find(ops.begin(), ops.end(), *rule.op) != ops.end()) continue;
    std::string list;
    for (const std::string& op : ops) list += (list.empty() ? "" : ", ") + op;
    fail(Code::INVALID_RECIPE, rule.path + ".op", "Expected an operator that ", technique.name,
         " works on for ", rule.path, ".op but received \"", *rule.op, "\". It works on ", list);
  }
  return step;
}

void check_order(const Recipe& recipe) {
  for (size_t later = 1; later < recipe.steps.size(); ++later) {
    const TechniqueDef& technique = *recipe.steps[later].technique;
    for (size_t earlier = 0; earlier < later; ++earlier) {
      const std::string& before = recipe.steps[earlier].technique->name;
      for (const std::string& pattern : technique.not_after) {
        if (!glob_match(pattern, before)) continue;
        fail(Code::INVALID_RECIPE, recipe.steps[later].path, "Expected ", technique.name,
             " before ", before, " for ", recipe.steps[later].path, " but received it after (",
             recipe.steps[earlier].path, "): it cannot work on what ", before, " makes");
      }
    }
  }
}

}  // namespace

int RecipeStep::data_passes() const {
  if (technique->data_passes == nullptr) return 0;
  int passes = technique->data_passes(options);
  for (const LayerRule& rule : rules) {
    passes = std::max(passes, technique->data_passes(options.with(rule.overrides, rule.path)));
  }
  return passes;
}

int Recipe::data_passes() const {
  int passes = 0;
  for (const RecipeStep& step : steps) passes += step.data_passes();
  return passes;
}

Recipe parse_recipe(const json& source, const TechniqueTable& techniques) {
  if (!source.is_object()) {
    wrong("the recipe", "an object like {\"whittle\": 1, \"steps\": [{\"technique\": \"fp16\"}]}",
          source);
  }
  check_keys(source, {"whittle", "seed", "target", "input", "gate", "steps"}, "the recipe");
  Recipe recipe;
  const auto version = source.find("whittle");
  if (version == source.end() || *version != kRecipeVersion) {
    wrong("whittle", concat("the recipe version ", kRecipeVersion),
          version == source.end() ? json() : *version);
  }
  if (const auto seed = source.find("seed"); seed != source.end()) {
    if (!seed->is_number_integer() || *seed < 0) wrong("seed", "an integer of at least 0", *seed);
    recipe.seed = seed->get<uint64_t>();
  }
  if (const auto target = source.find("target"); target != source.end()) {
    const std::vector<std::string> targets = {"whittle", "ort-web", "ort-node"};
    if (!target->is_string() ||
        std::find(targets.begin(), targets.end(), target->get<std::string>()) == targets.end()) {
      wrong("target", "\"whittle\", \"ort-web\" or \"ort-node\"", *target);
    }
    recipe.target = target->get<std::string>();
  }
  if (const auto input = source.find("input"); input != source.end()) {
    if (!input->is_object()) wrong("input", "an object", *input);
    recipe.input = *input;
  }
  if (const auto gate = source.find("gate"); gate != source.end()) recipe.gate = parse_gate(*gate);
  const auto steps = source.find("steps");
  if (steps == source.end() || !steps->is_array() || steps->empty()) {
    wrong("steps", "an array of at least one step", steps == source.end() ? json() : *steps);
  }
  for (size_t i = 0; i < steps->size(); ++i) {
    recipe.steps.push_back(parse_step((*steps)[i], concat("steps[", i, "]"), techniques));
  }
  check_order(recipe);
  return recipe;
}

void check_recipe(const Recipe& recipe, const Model& model) {
  const bool quantized = is_quantized(model.graph);
  bool layers_known = true;
  for (const RecipeStep& step : recipe.steps) {
    const TechniqueDef& technique = *step.technique;
    if (quantized && technique.quantizes) {
      fail(Code::ALREADY_QUANTIZED, step.path, "Expected a float model for ", step.path,
           " but received one that is quantized already. ", technique.name,
           " would only lose accuracy: start from the float file");
    }
    if (layers_known) {
      select_layers(model.graph, technique.ops, technique.optional_ops, step.options, step.rules);
    }
    layers_known = layers_known && !technique.changes_layers;
  }
}

}  // namespace whittle
