#include "core/measure/cost.h"

#include <unordered_set>

#include "core/graph/traversal.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

using Seen = std::unordered_set<const std::byte*>;

/** Elements and bytes of the constants a node reads that no earlier node did. */
void count_constants(const Graph& graph, const Node& node, Seen& seen, LayerCost& cost) {
  for (ValueId id : node.inputs) {
    const Tensor* tensor = graph.constant(id);
    if (tensor == nullptr || tensor->shape().rank() == 0) continue;
    if (!seen.insert(tensor->raw()).second) continue;
    cost.parameters += tensor->elements();
    cost.weight_bytes += tensor->bytes();
  }
}

bool any_unknown(const std::vector<Fact>& facts) {
  for (const Fact& fact : facts) {
    if (!fact.dims || !concrete(*fact.dims)) return true;
  }
  return false;
}

class Counter {
 public:
  Counter(const OpTable& ops, ModelCost& total) : ops_(ops), total_(total) {}

  /** `facts` by ValueId; empty in subgraphs, whose shapes are not inferred from outside. */
  void count(const Graph& graph, const std::vector<Fact>& facts) {
    for (const Node& node : graph.nodes) {
      LayerCost cost;
      cost.name = node.name;
      cost.op = node.op;
      if (const ValueId first = node.output(0); first != kNoValue) {
        cost.origin = graph.value(first).origin_name();
        if (graph.value(first).dims) cost.output_shape = to_string(*graph.value(first).dims);
      }
      count_constants(graph, node, seen_, cost);
      count_macs(graph, node, facts, cost);
      total_.parameters += cost.parameters;
      total_.weight_bytes += cost.weight_bytes;
      total_.macs += cost.macs;
      total_.macs_known = total_.macs_known && cost.macs_known;
      total_.layers.push_back(std::move(cost));
      for_each_subgraph(node, [this](const Graph& inner) {
        Graph copy = inner;
        const std::vector<Fact> inner_facts = infer_shapes(copy, ops_);
        count(copy, inner_facts);
      });
    }
  }

 private:
  void count_macs(const Graph& graph, const Node& node, const std::vector<Fact>& facts,
                  LayerCost& cost) const {
    const OpDef* op = ops_.find(node);
    if (op == nullptr || op->cost == nullptr) return;
    const auto gather = [&](const std::vector<ValueId>& ids) {
      std::vector<Fact> list;
      for (ValueId id : ids) {
        if (id == kNoValue) {
          list.push_back(Fact{DType::undefined, Dims{}, {}});
        } else {
          list.push_back(static_cast<size_t>(id) < facts.size() ? facts[static_cast<size_t>(id)]
                                                                : fact_of(graph.value(id)));
        }
      }
      return list;
    };
    const std::vector<Fact> inputs = gather(node.inputs);
    const std::vector<Fact> outputs = gather(node.outputs);
    if (any_unknown(inputs) || any_unknown(outputs)) {
      cost.macs_known = false;
      return;
    }
    cost.macs = op->cost(NodeFacts{node, inputs, outputs}).macs;
  }

  static Fact fact_of(const Value& value) { return Fact{value.dtype, value.dims, value.constant}; }

  const OpTable& ops_;
  ModelCost& total_;
  Seen seen_;
};

void add_constants(const Graph& graph, Seen& seen, int64_t& bytes) {
  for (const Value& value : graph.values) {
    if (value.is_constant() && seen.insert(value.constant.raw()).second) {
      bytes += value.constant.bytes();
    }
  }
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& inner) { add_constants(inner, seen, bytes); });
  }
}

}  // namespace

ModelCost model_cost(const Graph& graph, const OpTable& ops,
                     const std::map<std::string, Shape>& input_shapes) {
  InferenceOptions options;
  for (ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    const auto given = input_shapes.find(input.name);
    if (given != input_shapes.end()) {
      options.input_shapes.insert(*given);
    } else if (input.dims) {
      Shape shape;
      for (const Dim& dim : *input.dims) shape.push_back(dim.known() ? dim.value : 1);
      options.input_shapes.emplace(input.name, shape);
    }
  }
  Graph copy = graph;
  ModelCost total;
  const std::vector<Fact> facts = infer_shapes(copy, ops, options);
  Counter(ops, total).count(copy, facts);
  return total;
}

int64_t constant_bytes(const Graph& graph) {
  Seen seen;
  int64_t bytes = 0;
  add_constants(graph, seen, bytes);
  return bytes;
}

}  // namespace whittle
