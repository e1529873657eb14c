#include "core/compress/factorize/support/factor_step.h"

#include <cmath>

#include "core/compress/factorize/support/factor_work.h"
#include "core/compress/weights.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

using nlohmann::json;

double relative_error(const Tensor& weight, const Tensor& approximation) {
  const std::span<const float> w = weight.data<float>();
  const std::span<const float> a = approximation.data<float>();
  double lost = 0;
  double total = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double error = static_cast<double>(w[i]) - a[i];
    lost += error * error;
    total += static_cast<double>(w[i]) * w[i];
  }
  return total > 0 ? std::sqrt(lost / total) : 0.0;
}

/** What must agree for two layers to share the factors of a weight. */
std::string way_of_reading(const Node& node) {
  return concat(node.op, ' ', node.int_attribute("group", 1), ' ', node.int_attribute("transB", 0));
}

class FactorStep {
 public:
  FactorStep(TechniqueContext& context, const std::string& technique, Factorizer& factorizer,
             const std::vector<Layer>& layers)
      : context_(context),
        technique_(technique),
        factorizer_(factorizer),
        layers_(layers),
        finder_(context.model.graph),
        work_(context.model.graph, context.ops) {}

  Job run() {
    collect();
    co_await factorizer_.prepare(targets_);
    int64_t done = 0;
    for (const FactorTarget& target : targets_) {
      context_.cancel.poll();
      co_await report_progress(technique_, target.layer().name(), done++,
                               static_cast<int64_t>(targets_.size()));
      Factorization result;
      co_await factorizer_.factorize(target, result);
      judge(target, std::move(result));
    }
    finish();
  }

 private:
  struct Accepted {
    const FactorTarget* target = nullptr;
    Factorization result;
    std::vector<ValueId> placed;  // the factors, in the graph being edited
  };

  void collect() {
    std::map<ConstantRef, size_t> known;
    std::map<ConstantRef, std::string> ways;
    for (const Layer& layer : layers_) {
      ConstantRef constant;
      const std::string obstacle = find_weight(layer, constant);
      if (!obstacle.empty()) {
        if (is_always_a_layer(*layer.node) || constant.found()) {
          context_.report.leave(*layer.node, obstacle);
        }
        continue;
      }
      const auto [place, added] = known.try_emplace(constant, targets_.size());
      if (added) targets_.push_back({constant, {}});
      targets_[place->second].readers.push_back(&layer);
      const std::string way = way_of_reading(*layer.node);
      if (!ways.try_emplace(constant, way).second && ways[constant] != way) ways[constant] = "";
    }
    std::vector<FactorTarget> sound;
    for (FactorTarget& target : targets_) {
      const bool alone = !is_shared_with_others(target) && !ways[target.constant].empty();
      if (alone) {
        sound.push_back(std::move(target));
      } else {
        leave(target, "its weight is shared with a layer that keeps it");
      }
    }
    targets_ = std::move(sound);
  }

  std::string find_weight(const Layer& layer, ConstantRef& found) const {
    const Node& node = *layer.node;
    const ConstantRef constant =
        finder_.find(*layer.graph, node.input(factorizer_.weight_input(node)));
    if (!layer.selected) return "not selected";
    if (!constant.found()) return "its weight is computed at run time";
    const Tensor& weight = constant.tensor();
    if (weight.dtype() != DType::f32) {
      return concat("its weight is ", dtype_name(weight.dtype()), ", not float32");
    }
    if (weight.elements() == 0) return "its weight is empty";
    found = constant;
    const std::string obstacle = factorizer_.why_not(node, weight);
    if (!obstacle.empty()) return obstacle;
    return constant.owner == layer.graph ? "" : "its weight belongs to an enclosing graph";
  }

  /** Whether something reads a weight that is not going to read its factors. */
  bool is_shared_with_others(const FactorTarget& target) const {
    const GraphIndex index(*target.constant.owner);
    return index.is_output(target.constant.id) ||
           index.consumers(target.constant.id).size() > target.readers.size();
  }

  void leave(const FactorTarget& target, const std::string& reason) {
    for (const Layer* layer : target.readers) context_.report.leave(*layer->node, reason);
  }

  /** The work of all readers before and after. */
  void predict(const FactorTarget& target, const Factorization& result, FactorWork& before,
               FactorWork& after) const {
    before.known = work_.covers(*target.constant.owner);
    after.known = before.known;
    if (!before.known) return;
    for (const Layer* layer : target.readers) {
      Graph scratch;
      scratch.values = target.constant.owner->values;
      NameMaker names(scratch);
      before += work_.of(*layer->node, {*layer->node}, scratch.values);
      std::vector<ValueId> factors;
      for (const Tensor& factor : result.factors) {
        factors.push_back(scratch.add_constant(names.fresh("u"), factor));
      }
      const std::vector<Node> nodes = result.expand(scratch, names, *layer->node, factors);
      after += work_.of(*layer->node, nodes, scratch.values);
    }
  }

  void judge(const FactorTarget& target, Factorization result) {
    if (!result.obstacle.empty()) return leave(target, result.obstacle);
    double parameters = 0;
    for (const Tensor& factor : result.factors) {
      parameters += static_cast<double>(factor.elements());
    }
    const double ratio = parameters / static_cast<double>(target.weight().elements());
    FactorWork before;
    FactorWork after;
    predict(target, result, before, after);
    json& detail = result.detail;
    detail["relativeError"] = relative_error(target.weight(), result.approximation);
    const double output = factorizer_.output_error(target, result.approximation);
    if (output >= 0) detail["outputError"] = output;
    detail["parameterRatio"] = ratio;
    const bool known = before.known && after.known && before.time > 0;
    if (known && before.macs > 0) detail["macRatio"] = after.macs / before.macs;
    if (known) detail["timeRatio"] = after.time / before.time;
    std::string obstacle;
    if (target.options().boolean("breakEven") && ratio >= 1) {
      obstacle = "rank past break-even";
    } else if (target.options().boolean("faster") && known && after.time >= before.time) {
      obstacle = "it would not be faster";
    }
    if (!obstacle.empty()) {
      for (const Layer* layer : target.readers) tried_[layer->name()] = detail;
      return leave(target, obstacle);
    }
    for (const Layer* layer : target.readers) {
      context_.report.touch(*layer->node, detail);
      json rule = result.rule;
      rule["name"] = layer->name();
      rules_.push_back(std::move(rule));
    }
    if (!result.warning.empty()) context_.report.warnings.push_back(result.warning);
    result.approximation = Tensor{};
    accepted_.push_back({&target, std::move(result), {}});
  }

  void finish() {
    // What was tried and left alone: its ranks, errors and ratios by layer.
    if (!tried_.empty()) context_.report.facts = {{"leftAlone", tried_}};
    if (accepted_.empty()) return;
    // Spelled out, every rank was accepted before: no test has to be passed again.
    context_.report.explicit_step = {
        {"technique", technique_}, {"breakEven", false}, {"faster", false}, {"layers", rules_}};
    NameMaker names(context_.model.graph);
    edit_graphs(context_.model.graph,
                [&](Graph& graph, const Graph* before) { edit(graph, before, names); });
  }

  void edit(Graph& graph, const Graph* before, NameMaker& names) {
    std::map<std::string, Accepted*> by_name;
    for (Accepted& accepted : accepted_) {
      if (accepted.target->constant.owner != before) continue;
      for (const Layer* layer : accepted.target->readers) by_name[layer->name()] = &accepted;
      for (Tensor& factor : accepted.result.factors) {
        accepted.placed.push_back(graph.add_constant(names.fresh("u"), std::move(factor)));
      }
    }
    if (by_name.empty()) return;
    std::vector<Node> all;
    for (Node& node : graph.nodes) {
      const auto found = by_name.find(node.name);
      if (found == by_name.end()) {
        all.push_back(std::move(node));
        continue;
      }
      const Accepted& accepted = *found->second;
      for (Node& made : accepted.result.expand(graph, names, node, accepted.placed)) {
        all.push_back(std::move(made));
      }
    }
    graph.nodes = std::move(all);
  }

  TechniqueContext& context_;
  std::string technique_;
  Factorizer& factorizer_;
  const std::vector<Layer>& layers_;
  ConstantFinder finder_;
  FactorWorkModel work_;
  std::vector<FactorTarget> targets_;
  std::vector<Accepted> accepted_;
  json rules_ = json::array();
  json tried_ = json::object();
};

}  // namespace

size_t Factorizer::weight_input(const Node& node) const {
  return node.is("Gather") ? 0 : 1;
}

Job Factorizer::prepare(const std::vector<FactorTarget>&) {
  co_return;
}

double Factorizer::output_error(const FactorTarget&, const Tensor&) {
  return -1;
}

Job factorize_layers(TechniqueContext& context, const std::string& technique,
                     Factorizer& factorizer, const std::vector<Layer>& layers) {
  FactorStep step(context, technique, factorizer, layers);
  co_await step.run();
}

}  // namespace whittle
