#include <set>

#include "core/compress/compress_job.h"
#include "core/compress/graph_edit.h"
#include "core/measure/cost.h"

namespace whittle {
namespace {

using nlohmann::json;

struct Weights {
  int64_t elements = 0;
  int64_t bytes = 0;
};

/** Float constants of rank >= 2 that a layer reads and no layer before it did. */
Weights weights_of(const Layer& layer, const ConstantFinder& finder, std::set<ConstantRef>& seen) {
  Weights weights;
  for (ValueId id : layer.node->inputs) {
    const ConstantRef constant = finder.find(*layer.graph, id);
    if (!constant.found() || !seen.insert(constant).second) continue;
    const Tensor& tensor = constant.tensor();
    if (!is_float(tensor.dtype()) || tensor.shape().rank() < 2) continue;
    weights.elements += tensor.elements();
    weights.bytes += tensor.bytes();
  }
  return weights;
}

}  // namespace

json explain(const Model& model, const json& source, const TechniqueTable& techniques) {
  const json expanded =
      source.is_string() ? preset_recipe(source.get<std::string>(), model, true) : source;
  const Recipe recipe = parse_recipe(expanded, techniques);
  check_recipe(recipe, model);
  const ConstantFinder finder(model.graph);
  const int64_t bytes = constant_bytes(model.graph);
  int64_t estimate = bytes;
  bool estimated = true;
  bool layers_known = true;
  json steps = json::array();
  for (const RecipeStep& step : recipe.steps) {
    const TechniqueDef& technique = *step.technique;
    json entry = {{"technique", technique.name},
                  {"summary", technique.summary},
                  {"dataPasses", step.data_passes()},
                  {"layers", nullptr},
                  {"candidates", nullptr},
                  {"estimatedBytes", nullptr}};
    if (layers_known) {
      const std::vector<Layer> layers = select_layers(
          model.graph, technique.ops, technique.optional_ops, step.options, step.rules);
      json list = json::array();
      std::set<ConstantRef> seen;
      for (const Layer& layer : layers) {
        if (!layer.selected) continue;
        const Weights weights = weights_of(layer, finder, seen);
        list.push_back({{"name", layer.name()},
                        {"op", layer.op()},
                        {"weights", weights.elements},
                        {"bytes", weights.bytes}});
        if (technique.weight_bits != nullptr) {
          const double bits = technique.weight_bits(layer.options);
          const auto narrow = static_cast<int64_t>(static_cast<double>(weights.elements) * bits / 8);
          estimate -= std::max<int64_t>(0, weights.bytes - narrow);
        }
      }
      entry["layers"] = std::move(list);
      entry["candidates"] = layers.size();
    }
    estimated = estimated && layers_known && technique.weight_bits != nullptr;
    if (estimated) entry["estimatedBytes"] = estimate;
    layers_known = layers_known && !technique.changes_layers;
    steps.push_back(std::move(entry));
  }
  // The original, the copy at work, and the file being written to be measured.
  const int64_t peak = 3 * bytes;
  return {{"steps", std::move(steps)},
          {"recipe", expanded},
          {"dataPasses", recipe.data_passes()},
          {"needsData", recipe.data_passes() > 0},
          {"bytes", bytes},
          {"estimatedBytes", estimated ? json(estimate) : json(nullptr)},
          {"peakMemory", peak}};
}

}  // namespace whittle
