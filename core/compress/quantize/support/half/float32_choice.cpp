#include "core/compress/quantize/support/half/float32_choice.h"

#include "core/compress/quantize/support/half/half_graph.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Other samples reach further than those of the calibration. */
constexpr double kRangeMargin = 2;
/** The square of more than this is beyond binary16. */
constexpr double kLargestSquared = 256;

bool is_wide_range(const Node& node) {
  return node.domain.empty() && wide_range_ops().contains(node.op);
}

bool has_subgraphs(const Node& node) {
  bool found = false;
  for_each_subgraph(node, [&](const Graph&) { found = true; });
  return found;
}

bool is_float32(const Graph& graph, ValueId id) {
  return id != kNoValue && graph.value(id).dtype == DType::f32;
}

}  // namespace

const std::set<std::string>& wide_range_ops() {
  static const std::set<std::string> ops = {"Exp",
                                            "Pow",
                                            "Reciprocal",
                                            "Sqrt",
                                            "Softplus",
                                            "ReduceMean",
                                            "ReduceSum",
                                            "ReduceSumSquare",
                                            "ReduceL1",
                                            "ReduceL2",
                                            "ReduceProd",
                                            "ReduceLogSum",
                                            "ReduceLogSumExp",
                                            "LayerNormalization",
                                            "RMSNormalization",
                                            "GroupNormalization",
                                            "InstanceNormalization",
                                            "MeanVarianceNormalization",
                                            "LpNormalization"};
  return ops;
}

Float32Choice::Float32Choice(const Graph& graph) : graph_(graph) {}

void Float32Choice::look_at_constants(bool judge) {
  std::map<const std::byte*, HalfLoss> known;
  walk_nodes(graph_, [&](const Graph& graph, const Node& node, int64_t) {
    if (wants_float32(node) || has_subgraphs(node)) return;
    for (ValueId id : node.inputs) {
      const Tensor* tensor = graph.constant(id);
      if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->elements() == 0) continue;
      const auto [place, added] = known.try_emplace(tensor->raw());
      if (added) place->second.add(tensor->data<float>());
      HalfLoss& sum = constants_[node.name];
      if (place->second.nonzero >= sum.nonzero) sum = place->second;
      const std::string obstacle = judge ? place->second.obstacle("weights") : "";
      if (!obstacle.empty()) keep(node, obstacle);
    }
  });
}

void Float32Choice::keep_wide_range_ops() {
  walk_nodes(graph_, [&](const Graph&, const Node& node, int64_t) {
    if (is_wide_range(node)) keep(node, concat(node.op, " leaves the range of float16 easily"));
  });
  fill_gaps();
}

/** A node between two that stay (the epsilon added between mean and root) has no use for float16
 * either: it would only narrow what the next one widens. */
void Float32Choice::fill_gaps() {
  const GraphIndex index(graph_);
  for (const Node& node : graph_.nodes) {
    if (keeps(node) || wants_float32(node) || has_subgraphs(node)) continue;
    bool between = false;
    for (ValueId id : node.inputs) {
      if (id == kNoValue || graph_.value(id).is_constant()) continue;
      const Node* producer = index.producer(id);
      between = producer != nullptr && keeps(*producer);
      if (!between) break;
    }
    for (ValueId id : node.outputs) {
      if (id == kNoValue || !between) continue;
      between = !index.is_output(id) && !index.consumers(id).empty();
      for (int reader : index.consumers(id)) {
        between = between && keeps(graph_.nodes[static_cast<size_t>(reader)]);
      }
    }
    if (between) keep(node, "between two layers that stay float32");
  }
}

std::vector<ValueId> Float32Choice::values_to_observe() const {
  std::vector<ValueId> values;
  const GraphIndex index(graph_);
  for (ValueId id : graph_.inputs) {
    if (is_float32(graph_, id) && !index.consumers(id).empty()) values.push_back(id);
  }
  for (const Node& node : graph_.nodes) {
    if (wants_float32(node)) continue;
    for (ValueId id : node.outputs) {
      if (is_float32(graph_, id)) values.push_back(id);
    }
  }
  return values;
}

void Float32Choice::observe(ValueId id, const Tensor& value) {
  if (value.dtype() == DType::f32) observed_[id].add(value.data<float>());
}

void Float32Choice::judge_observed() {
  const GraphIndex index(graph_);
  for (const auto& [id, loss] : observed_) {
    const std::string obstacle = loss.obstacle("activations", kRangeMargin);
    const Node* producer = index.producer(id);
    if (!obstacle.empty() && producer != nullptr && !has_subgraphs(*producer)) {
      keep(*producer, obstacle);
    }
    for (int i : index.consumers(id)) {
      const Node& reader = graph_.nodes[static_cast<size_t>(i)];
      if (has_subgraphs(reader)) continue;
      if (!obstacle.empty()) keep(reader, "its input's " + obstacle);
      if (is_wide_range(reader) && loss.largest > kLargestSquared) {
        keep(reader, concat(reader.op, " of activations that reach ", loss.largest));
      }
    }
  }
  walk_nodes(graph_, [&](const Graph& graph, const Node& node, int64_t) {
    if (&graph != &graph_ && is_wide_range(node)) {
      keep(node, concat(node.op, " in a subgraph leaves the range of float16 easily"));
    }
  });
  fill_gaps();
}

nlohmann::json Float32Choice::seen_at(const Node& node) const {
  nlohmann::json seen;
  const auto constants = constants_.find(node.name);
  if (constants != constants_.end()) seen["weights"] = constants->second.to_json();
  for (ValueId id : node.outputs) {
    const auto observed = observed_.find(id);
    if (observed == observed_.end()) continue;
    seen["activations"] = observed->second.to_json();
    break;
  }
  return seen;
}

}  // namespace whittle
