#include "core/onnx/canonicalize.h"

#include <algorithm>

#include "core/graph/traversal.h"
#include "core/onnx/adopt_contrib.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

const CanonicalizeTable& all_rules() {
  static const CanonicalizeTable table = [] {
    CanonicalizeTable made;
    register_all_canonicalize_rules(made);
    return made;
  }();
  return table;
}

/** Replaces each subgraph of `node` by a copy that `change` has changed. */
template <typename Change>
void change_subgraphs(Node& node, const Change& change) {
  const auto changed = [&](const std::shared_ptr<const Graph>& graph) {
    auto copy = std::make_shared<Graph>(*graph);
    change(*copy);
    return std::shared_ptr<const Graph>(std::move(copy));
  };
  for (auto& [key, attribute] : node.attributes) {
    if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
      *one = changed(*one);
    } else if (auto* many = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
      for (auto& each : *many) each = changed(each);
    }
  }
}

void bring_up(Graph& graph, Node& node, int64_t source_opset) {
  int64_t at = source_opset;
  for (bool found = true; found;) {
    found = false;
    for (const CanonicalizeRule& rule : all_rules().rules(node.op)) {
      if (rule.until < at) continue;
      at = rule.until + 1;
      if (rule.up == nullptr) continue;
      rule.up(graph, node);  // may rename the operator: its rules are looked up again
      found = true;
      break;
    }
  }
}

/** Lets `rewrite` change each node, and collects what it puts before it. */
template <typename Rewrite>
void rewrite_nodes(Graph& graph, const Rewrite& rewrite) {
  std::vector<Node> nodes = std::move(graph.nodes);
  graph.nodes.clear();
  for (Node& node : nodes) {
    rewrite(node);
    graph.nodes.push_back(std::move(node));
  }
  onnx::name_nodes(graph);
}

/** The opset an element type appeared in. */
int64_t opset_of(DType dtype) {
  switch (dtype) {
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
      return 19;
    case DType::u4:
    case DType::i4:
      return 21;
    case DType::f4e2m1:
      return 23;
    case DType::f8e8m0:
      return 24;
    case DType::u2:
    case DType::i2:
      return 25;
    case DType::sequence:
      return 14;  // Identity takes them from there on
    case DType::optional:
    case DType::optional_sequence:
      return 16;  // If, Loop and Identity take them from there on
    default:
      return 13;
  }
}

}  // namespace

void CanonicalizeTable::add(const CanonicalizeRule& rule) {
  auto& rules = rules_[rule.op];
  const auto later = std::find_if(rules.begin(), rules.end(), [&](const CanonicalizeRule& other) {
    return other.until > rule.until;
  });
  rules.insert(later, rule);
}

const std::vector<CanonicalizeRule>& CanonicalizeTable::rules(const std::string& op) const {
  static const std::vector<CanonicalizeRule> none;
  const auto found = rules_.find(op);
  return found == rules_.end() ? none : found->second;
}

void canonicalize(Graph& graph, int64_t source_opset) {
  rewrite_nodes(graph, [&](Node& node) {
    change_subgraphs(node, [&](Graph& subgraph) { canonicalize(subgraph, source_opset); });
    if (!node.domain.empty()) return onnx::adopt_contrib(graph, node);
    // Before opset 6 every operator could name inputs whose memory it reuses: a hint, no meaning.
    if (source_opset < 6) node.attributes.erase("consumed_inputs");
    bring_up(graph, node, source_opset);
  });
}

OpsetNeed opset_need(const Graph& graph) {
  OpsetNeed need;
  const auto raise = [&](int64_t opset, const auto& what) {
    if (opset > need.opset) need = {opset, what()};
  };
  for (const Value& value : graph.values) {
    for (DType dtype : {value.dtype, value.element}) {
      raise(opset_of(dtype), [&] { return concat("element type ", dtype_name(dtype)); });
    }
  }
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& subgraph) {
      const OpsetNeed inner = opset_need(subgraph);
      raise(inner.opset, [&] { return inner.what; });
    });
    if (!node.domain.empty()) continue;
    for (const CanonicalizeRule& rule : all_rules().rules(node.op)) {
      if (rule.until < need.opset || rule.needs_new == nullptr) continue;
      if (rule.needs_new(graph, node)) raise(rule.until + 1, [&] { return node.label(); });
    }
  }
  return need;
}

void decanonicalize(Graph& graph, int64_t target_opset) {
  rewrite_nodes(graph, [&](Node& node) {
    change_subgraphs(node, [&](Graph& subgraph) { decanonicalize(subgraph, target_opset); });
    if (!node.domain.empty()) return;
    const auto& rules = all_rules().rules(node.op);
    for (auto rule = rules.rbegin(); rule != rules.rend() && rule->until >= target_opset; ++rule) {
      if (rule->until < kInternalOpset && rule->down != nullptr) rule->down(graph, node);
    }
  });
}

}  // namespace whittle
