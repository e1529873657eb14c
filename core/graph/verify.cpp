#include "core/graph/verify.h"

#include <unordered_set>

#include "core/graph/traversal.h"

namespace whittle {
namespace {

[[noreturn]] void broken(const std::string& where, const std::string& expected,
                         const std::string& received) {
  fail(Code::INVALID_GRAPH, where, "Expected ", expected, " for ", where, " but received ",
       received);
}

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.values.size(), false) {}

  void run(int depth) {
    if (depth > kMaxSubgraphDepth) {
      fail(Code::LIMIT_EXCEEDED, graph_.name, "Expected subgraphs nested at most ",
           kMaxSubgraphDepth, " deep but received more");
    }
    values();
    for (ValueId id : graph_.inputs) define(id, "graph input");
    nodes(depth);
    for (ValueId id : graph_.outputs) read(id, "graph output");
  }

 private:
  void values() {
    std::unordered_set<std::string_view> names;
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const Value& value = graph_.values[i];
      if (!names.insert(value.name).second) {
        broken("value '" + value.name + "'", "a unique name", "a second value of that name");
      }
      if (value.is_constant() || value.captured != kNoValue) defined_[i] = true;
    }
  }

  void nodes(int depth) {
    std::unordered_set<std::string_view> names;
    for (const Node& node : graph_.nodes) {
      if (!node.name.empty() && !names.insert(node.name).second) {
        broken(node.label(), "a unique name", "a second node of that name");
      }
      for_each_use(node, [&](ValueId id) { read(id, node.label()); });
      for (ValueId id : node.outputs) {
        if (id != kNoValue) define(id, node.label());
      }
      for_each_subgraph(node, [&](const Graph& graph) { Verifier(graph).run(depth + 1); });
    }
  }

  void check_range(ValueId id, const std::string& where) {
    if (id < 0 || static_cast<size_t>(id) >= graph_.values.size()) {
      broken(where, "a value of this graph", "value number " + std::to_string(id));
    }
  }

  void read(ValueId id, const std::string& where) {
    check_range(id, where);
    if (!defined_[static_cast<size_t>(id)]) {
      broken(where, "inputs made before they are read", "'" + graph_.value(id).name + "'");
    }
  }

  void define(ValueId id, const std::string& where) {
    check_range(id, where);
    if (defined_[static_cast<size_t>(id)]) {
      broken(where, "one definition of a value", "a second one of '" + graph_.value(id).name + "'");
    }
    defined_[static_cast<size_t>(id)] = true;
  }

  const Graph& graph_;
  std::vector<bool> defined_;
};

}  // namespace

void verify(const Graph& graph) {
  Verifier(graph).run(0);
}

}  // namespace whittle
