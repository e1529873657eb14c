#include <algorithm>

#include "core/passes/match.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

using Order = std::vector<int64_t>;

Order order_of(const Node& node) {
  return node.is("Transpose") ? node.ints_attribute("perm") : Order{};
}

bool is_one(const Tensor* tensor) {
  return tensor != nullptr && tensor->elements() == 1;
}

class Sinker {
 public:
  Sinker(Graph& graph, const PassContext& context)
      : graph_(graph), context_(context), match_(graph) {}

  /** Moves one transposition; the graph is looked at anew after that. */
  bool run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (sink(i)) return true;
    }
    return false;
  }

 private:
  const Node* only_transpose(ValueId id) const { return match_.made_only_for(id, "Transpose"); }

  /** The order all inputs of an elementwise node come in: each transposed for it alone, or a
   * constant of one element. Empty where they do not. */
  Order common_order(const Node& node) const {
    const OpDef* op = context_.ops.find(node);
    if (op == nullptr || !op->has(Trait::elementwise) || node.outputs.size() != 1) return {};
    Order order;
    for (ValueId id : node.inputs) {
      if (id == kNoValue || is_one(graph_.constant(id))) continue;
      const Node* transpose = only_transpose(id);
      if (transpose == nullptr) return {};
      const Order own = order_of(*transpose);
      if (own.empty() || (!order.empty() && own != order)) return {};
      order = own;
    }
    // A constant of more dimensions than the rest would add some.
    for (ValueId id : node.inputs) {
      const Tensor* constant = graph_.constant(id);
      if (constant != nullptr && constant->shape().rank() > static_cast<int>(order.size())) {
        return {};
      }
    }
    return order;
  }

  /** Whether what follows, through elementwise operators that one value runs through, transposes
   * again. */
  bool meets_another(const Node* node) const {
    while (node != nullptr) {
      const Node* next = match_.index().only_consumer(node->output(0));
      if (next == nullptr) return false;
      if (next->is("Transpose")) return true;
      const OpDef* op = context_.ops.find(*next);
      if (op == nullptr || !op->has(Trait::elementwise)) return false;
      for (ValueId id : next->inputs) {
        const bool follows = id == kNoValue || id == node->output(0) || is_one(graph_.constant(id));
        if (!follows) return false;
      }
      node = next;
    }
    return false;
  }

  bool sink(size_t position) {
    Node& node = graph_.nodes[position];
    const Order order = common_order(node);
    if (order.empty()) return false;
    const auto transposed = std::count_if(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id != kNoValue && graph_.constant(id) == nullptr;
    });
    if (transposed < 2 && !meets_another(&node)) return false;
    Node after;
    after.op = "Transpose";
    after.name =
        match_.index()
            .producer(*std::find_if(
                node.inputs.begin(), node.inputs.end(),
                [&](ValueId id) { return id != kNoValue && graph_.constant(id) == nullptr; }))
            ->name;
    after.attributes["perm"] = order;
    after.outputs = {node.outputs[0]};
    const Value& result = graph_.value(node.outputs[0]);
    const ValueId between = graph_.add_value(result.name, result.dtype);
    after.inputs = {between};
    node.outputs[0] = between;
    std::vector<bool> dead(graph_.nodes.size(), false);
    for (ValueId& id : node.inputs) {
      if (id == kNoValue || graph_.constant(id) != nullptr) continue;
      dead[static_cast<size_t>(match_.index().producer_index(id))] = true;
      id = match_.index().producer(id)->input(0);
    }
    graph_.nodes.insert(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(position) + 1,
                        std::move(after));
    dead.insert(dead.begin() + static_cast<std::ptrdiff_t>(position) + 1, false);
    remove_nodes(graph_, dead);
    return true;
  }

  Graph& graph_;
  const PassContext& context_;
  Matcher match_;
};

}  // namespace

/** Transpositions move behind elementwise operators where they meet another one, which
 * merge_moves joins them with, or where all inputs are transposed alike. */
bool sink_transposes(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return sink_transposes(subgraph, context); });
  }
  bool again = true;
  while (again) {
    again = Sinker(graph, context).run();
    changed |= again;
  }
  return changed;
}

}  // namespace whittle
