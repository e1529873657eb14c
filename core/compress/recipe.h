#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/technique.h"
#include "core/measure/gate.h"

namespace whittle {

inline constexpr int kRecipeVersion = 1;

struct RecipeStep {
  const TechniqueDef* technique = nullptr;
  Options options;
  std::vector<LayerRule> rules;
  /** Keep the step even when it makes the bytes or the arithmetic grow. */
  bool keep = false;
  nlohmann::json source;  // as given
  std::string path;       // "steps[0]"

  /** Passes over the data, under the options of the layer that asks for the most. */
  int data_passes() const;
};

/** A validated recipe. */
struct Recipe {
  uint64_t seed = 0;
  std::string target = "whittle";
  nlohmann::json input;  // preprocessing, read by whoever makes the samples; may be null
  Gate gate;
  std::vector<RecipeStep> steps;

  /** Passes over the data that all steps together need. */
  int data_passes() const;
};

/**
 * Parses and checks `{whittle: 1, seed?, target?, input?, gate?, steps: [...]}` wholly, without a
 * model. Throws INVALID_RECIPE, UNKNOWN_TECHNIQUE, INVALID_OPTION naming the place
 * ("steps[1].energy") and the nearest known name.
 */
Recipe parse_recipe(const nlohmann::json& source, const TechniqueTable& techniques);

/**
 * Checks a recipe against a model before anything runs: layer rules that match nothing
 * (NO_SUCH_LAYER), a model that is quantized already (ALREADY_QUANTIZED).
 */
void check_recipe(const Recipe& recipe, const Model& model);

/** The names of the presets. */
const std::vector<std::string>& preset_names();
/**
 * The recipe a preset stands for on this model: "safest", "smallest", "fastest", "balanced". With
 * data the convolutional networks get static quantization. Throws INVALID_RECIPE for another name.
 */
nlohmann::json preset_recipe(std::string_view preset, const Model& model, bool have_data);

}  // namespace whittle
