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

namespace {

std::map<std::string, Shape> assumed_shapes(const Graph& graph, int64_t unknown,
                                            const std::map<std::string, Shape>& given) {
  std::map<std::string, Shape> shapes;
  for (ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    if (const auto found = given.find(input.name); found != given.end()) {
      shapes.insert(*found);
    } else if (input.dims) {
      Shape shape;
      for (size_t axis = 0; axis < input.dims->size(); ++axis) {
        const Dim& dim = (*input.dims)[axis];
        shape.push_back(dim.known() ? dim.value : axis == 0 ? 1 : unknown);
      }
      shapes.emplace(input.name, shape);
    }
  }
  return shapes;
}

}  // namespace

ModelCost model_cost(const Graph& graph, const OpTable& ops,
                     const std::map<std::string, Shape>& input_shapes) {
  ModelCost total;
  for (int64_t unknown : {64, 512, 1}) {
    InferenceOptions options;
    options.input_shapes = assumed_shapes(graph, unknown, input_shapes);
    Graph copy = graph;
    try {
      const std::vector<Fact> facts = infer_shapes(copy, ops, options);
      total.input_shapes = options.input_shapes;
      Counter(ops, total).count(copy, facts);
      return total;
    } catch (const Error& error) {
      // A window larger than what it slides over: this size does not occur.
      if (error.code != Code::SHAPE_MISMATCH) throw;
      total = ModelCost{};
    }
  }
  Graph copy = graph;
  for (Value& value : copy.values) {
    if (!value.is_constant()) value.dims.reset();
  }
  Counter(ops, total).count(copy, {});
  return total;
}

int64_t constant_bytes(const Graph& graph) {
  Seen seen;
  int64_t bytes = 0;
  add_constants(graph, seen, bytes);
  return bytes;
}

}  // namespace whittle
