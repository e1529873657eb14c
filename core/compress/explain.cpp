#include <algorithm>
#include <map>

#include "core/compress/compress_job.h"
#include "core/compress/graph_edit.h"
#include "core/measure/cost.h"

namespace whittle {
namespace {

using nlohmann::json;

/** What is known of every weight while steps are imagined one after the other. */
class WeightLedger {
 public:
  explicit WeightLedger(const Graph& graph) : finder_(graph) {}

  /** The float constants of rank >= 2 of a layer; shared ones belong to the first that asks. */
  std::vector<ConstantRef> weights_of(const Layer& layer, std::map<ConstantRef, bool>& seen) const {
    std::vector<ConstantRef> weights;
    for (ValueId id : layer.node->inputs) {
      const ConstantRef constant = finder_.find_weight(*layer.graph, id);
      if (!constant.found() || constant.tensor().dtype() != DType::f32) continue;
      if (constant.tensor().shape().rank() < 2 || !seen.emplace(constant, true).second) continue;
      weights.push_back(constant);
    }
    return weights;
  }

  /** Stores a weight in `bits` bits an element; returns the bytes that saves. */
  int64_t narrow(const ConstantRef& weight, double bits) {
    int64_t& bytes = bytes_.try_emplace(weight, weight.tensor().bytes()).first->second;
    const auto wanted =
        static_cast<int64_t>(static_cast<double>(weight.tensor().elements()) * bits / 8);
    const int64_t saved = std::max<int64_t>(0, bytes - wanted);
    bytes -= saved;
    return saved;
  }

 private:
  ConstantFinder finder_;
  std::map<ConstantRef, int64_t> bytes_;
};

}  // namespace

json explain(const Model& model, const json& source, const TechniqueTable& techniques) {
  const json expanded =
      source.is_string() ? preset_recipe(source.get<std::string>(), model, true) : source;
  const Recipe recipe = parse_recipe(expanded, techniques);
  check_recipe(recipe, model);
  WeightLedger ledger(model.graph);
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
    estimated = estimated && layers_known && technique.weight_bits != nullptr;
    if (layers_known) {
      const std::vector<Layer> layers = select_layers(
          model.graph, technique.ops, technique.optional_ops, step.options, step.rules);
      json list = json::array();
      std::map<ConstantRef, bool> seen;
      for (const Layer& layer : layers) {
        if (!layer.selected) continue;
        int64_t elements = 0;
        int64_t weight_bytes = 0;
        for (const ConstantRef& weight : ledger.weights_of(layer, seen)) {
          elements += weight.tensor().elements();
          weight_bytes += weight.tensor().bytes();
          if (estimated) estimate -= ledger.narrow(weight, technique.weight_bits(layer.options));
        }
        list.push_back({{"name", layer.name()},
                        {"op", layer.op()},
                        {"weights", elements},
                        {"bytes", weight_bytes}});
      }
      entry["layers"] = std::move(list);
      entry["candidates"] = layers.size();
    }
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
