#include <algorithm>
#include <functional>

#include "core/graph/traversal.h"
#include "core/ops/interpret.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

/** Constants up to this many elements are widened freely: they weigh nothing. */
constexpr int64_t kSmall = 1024;
/** A product larger than this is left to the fast kernels at run time. */
constexpr int64_t kMaxMacs = int64_t{1} << 28;

/** How many places read each value; graph outputs count too. */
std::vector<int> count_uses(const Graph& graph) {
  std::vector<int> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for_each_use(node, [&](ValueId id) { ++uses[static_cast<size_t>(id)]; });
  }
  for (ValueId id : graph.outputs) ++uses[static_cast<size_t>(id)];
  return uses;
}

class Folder {
 public:
  using Lookup = std::function<const Tensor*(ValueId)>;

  /** `outer` finds constants of the enclosing graph. */
  Folder(Graph& graph, const PassContext& context, int64_t& budget, Lookup outer)
      : graph_(graph),
        context_(context),
        budget_(budget),
        outer_(std::move(outer)),
        uses_(count_uses(graph)) {}

  bool run() {
    bool changed = false;
    std::vector<bool> dead(graph_.nodes.size(), false);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      changed |= change_subgraphs(node, [&](Graph& subgraph) {
        return Folder(subgraph, context_, budget_, [this](ValueId id) { return constant(id); })
            .run();
      });
      dead[i] = try_fold(node);
    }
    if (std::find(dead.begin(), dead.end(), true) == dead.end()) return changed;
    remove_nodes(graph_, dead);
    return true;
  }

 private:
  const Tensor* constant(ValueId id) const {
    if (id == kNoValue) return nullptr;
    const Value& value = graph_.value(id);
    return value.captured != kNoValue ? outer_(value.captured) : graph_.constant(id);
  }

  /** A node that cannot be evaluated is left to the run: it may sit in a branch never taken. */
  bool try_fold(Node& node) {
    try {
      return fold(node);
    } catch (const Error& error) {
      if (error.code == Code::OUT_OF_MEMORY || error.code == Code::INTERNAL) throw;
      return false;
    }
  }

  /** Replaces a node by its results if that is possible and pays. */
  bool fold(Node& node) {
    const OpDef* op = context_.ops.find(node);
    if (op == nullptr || op->evaluate == nullptr || op->infer == nullptr || node.outputs.empty() ||
        op->has(Trait::nondeterministic) || op->has(Trait::control_flow)) {
      return false;
    }
    std::vector<Tensor> inputs;
    for (ValueId id : node.inputs) {
      const Tensor* tensor = constant(id);
      if (id != kNoValue && tensor == nullptr) return false;
      inputs.push_back(tensor == nullptr ? Tensor{} : *tensor);
    }
    if (is_narrow_weight(node, inputs)) return false;
    int64_t cost = 0;
    if (!is_affordable(node, *op, inputs, cost)) return false;
    std::vector<Tensor> results = evaluate_node(node, context_.ops, inputs, context_.pool);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      if (i >= results.size() || !results[i].defined() || is_container(results[i].dtype())) {
        return false;
      }
    }
    budget_ -= cost;
    for (ValueId id : node.inputs) {
      if (id != kNoValue) --uses_[static_cast<size_t>(id)];
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      Value& value = graph_.value(node.outputs[i]);
      value.dtype = results[i].dtype();
      value.dims = to_dims(results[i].shape());
      value.constant = std::move(results[i]);
    }
    return true;
  }

  /** Weights stored narrow stay so: the runtime widens them in registers. */
  static bool is_narrow_weight(const Node& node, const std::vector<Tensor>& inputs) {
    if (node.is("DequantizeLinear")) return true;
    if (inputs.empty() || inputs[0].elements() <= kSmall) return false;
    // Codes packed two to a byte are taken apart by these.
    if (node.is("BitwiseAnd") || node.is("BitShift")) return inputs[0].dtype() == DType::u8;
    if (!node.is("Cast")) return false;
    const auto to = static_cast<DType>(node.int_attribute("to", 0));
    return dtype_bits(to) > dtype_bits(inputs[0].dtype());
  }

  /** Whether the results, whose sizes must be known beforehand, fit into what is left of the budget
   * once the constants only this node reads are gone. */
  bool is_affordable(const Node& node, const OpDef& op, const std::vector<Tensor>& inputs,
                     int64_t& cost) const {
    std::vector<Fact> facts;
    for (const Tensor& input : inputs) {
      facts.push_back(input.defined() ? Fact{input.dtype(), to_dims(input.shape()), input}
                                      : Fact{});
    }
    InferContext infer(node, facts);
    op.infer(infer);
    for (const Fact& fact : infer.outputs()) {
      const auto shape = fact.dims ? concrete(*fact.dims) : std::nullopt;
      if (!shape || fact.dtype == DType::undefined || is_container(fact.dtype)) return false;
      cost = checked_add(cost, dtype_bytes(fact.dtype, shape->elements()), node.label());
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (id == kNoValue || graph_.value(id).captured != kNoValue) continue;
      if (uses_[static_cast<size_t>(id)] == 1) cost -= inputs[i].bytes();
    }
    cost = std::max<int64_t>(cost, 0);
    if (cost > budget_) return false;
    return op.cost == nullptr || op.cost(NodeFacts{node, facts, infer.outputs()}).macs <= kMaxMacs;
  }

  Graph& graph_;
  const PassContext& context_;
  int64_t& budget_;
  Lookup outer_;
  std::vector<int> uses_;
};

}  // namespace

/**
 * Evaluates what depends on constants only, within the byte budget of the context; in subgraphs
 * with the constants they capture. What it must not do is make stored weights bigger:
 * DequantizeLinear(constant), casts of large constants to a wider type, bytes taken apart and so
 * Gather(codebook, Cast(indices)) stay as they are.
 */
bool fold_constants(Graph& graph, const PassContext& context) {
  int64_t budget = context.fold_budget_bytes;
  return Folder(graph, context, budget, [](ValueId) { return nullptr; }).run();
}

}  // namespace whittle
