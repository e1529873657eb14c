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

/** Integer arithmetic where it can be had without asking: static with data, else dynamic for
 * networks of matrix products, else narrow weights. */
json integer_step(const Kinds& kinds, bool have_data) {
  if (have_data && (kinds.convolutions || kinds.products))
    return {{"technique", "quantize-static"}, {"calibrator", "mse"}};
  if (kinds.products && !kinds.convolutions) return {{"technique", "quantize-dynamic"}};
  return {{"technique", "quantize-weights"}};
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
    json step = integer_step(kinds, have_data);
    if (step["technique"] == "quantize-static") step["firstLast"] = "float";
    steps.push_back(step);
  } else if (preset == "fastest") {
    steps.push_back(integer_step(kinds, have_data));
  } else if (preset == "smallest") {
    json step = {{"technique", "svd"}, {"energy", 0.99}};
    // Convolutions feel the same loss of energy more than classifiers do.
    if (kinds.convolutions) step["layers"] = {{{"op", "Conv"}, {"skip", true}}};
    steps.push_back(std::move(step));
    steps.push_back(integer_step(kinds, have_data));
  } else {
    fail(Code::INVALID_RECIPE, "preset",
         "Expected safest, smallest, fastest or balanced for the preset but received \"", preset,
         "\"", did_you_mean(preset, preset_names()));
  }
  return {{"whittle", kRecipeVersion}, {"seed", 0}, {"steps", std::move(steps)}};
}

}  // namespace whittle
