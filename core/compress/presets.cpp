#include <algorithm>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/compress/recipe.h"

namespace whittle {
namespace {

using nlohmann::json;

struct Kinds {
  bool convolutions = false;
  bool products = false;
};

Kinds kinds_of(const Model& model) {
  Kinds kinds;
  walk_nodes(model.graph, [&](const Graph&, const Node& node, int64_t) {
    kinds.convolutions = kinds.convolutions || node.is("Conv");
    kinds.products = kinds.products || node.is("MatMul") || node.is("Gemm");
  });
  return kinds;
}

/**
 * Adds integer arithmetic where it can be had without asking: static with data, else dynamic for
 * networks of matrix products, else narrow weights. Static comes with what keeps its accuracy
 * without labels; its bound costs float layers only where 8 bits everywhere do not keep it.
 */
void add_integer_steps(const Kinds& kinds, bool have_data, bool float_ends, json& steps) {
  if (have_data && (kinds.convolutions || kinds.products)) {
    json step = {{"technique", "quantize-static"},
                 {"calibrator", "outputs"},
                 {"minSqnr", 20},
                 {"floatBudget", 0.1}};
    if (float_ends) step["firstLast"] = "float";
    steps.push_back({{"technique", "equalize"}, {"typical", 0.5}});
    steps.push_back(std::move(step));
    steps.push_back({{"technique", "bias-correct"}});
  } else if (kinds.products && !kinds.convolutions) {
    steps.push_back({{"technique", "quantize-dynamic"}});
  } else {
    steps.push_back({{"technique", "quantize-weights"}});
  }
}

}  // namespace

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = {"safest", "smallest", "fastest", "balanced"};
  return names;
}

json preset_recipe(std::string_view preset, const Model& model, bool have_data) {
  const Kinds kinds = kinds_of(model);
  json steps = json::array();
  if (preset == "safest") {
    steps.push_back({{"technique", "fp16"}});
  } else if (preset == "balanced") {
    add_integer_steps(kinds, have_data, true, steps);
  } else if (preset == "fastest") {
    add_integer_steps(kinds, have_data, false, steps);
  } else if (preset == "smallest") {
    json step = {{"technique", "svd"}, {"energy", 0.99}};
    // Convolutions feel the same loss of energy more than classifiers do.
    if (kinds.convolutions) step["layers"] = {{{"op", "Conv"}, {"skip", true}}};
    steps.push_back(std::move(step));
    add_integer_steps(kinds, have_data, false, steps);
  } else {
    fail(Code::INVALID_RECIPE, "preset",
         "Expected safest, smallest, fastest or balanced for the preset but received \"", preset,
         "\"", did_you_mean(preset, preset_names()));
  }
  return {{"whittle", kRecipeVersion}, {"seed", 0}, {"steps", std::move(steps)}};
}

}  // namespace whittle
