#include "core/graph/traversal.h"

#include <algorithm>
#include <queue>

namespace whittle {

void for_each_subgraph(const Node& node, const std::function<void(const Graph&)>& visit) {
  for (const auto& [key, attribute] : node.attributes) {
    if (const auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
      visit(**one);
    } else if (const auto* many =
                   std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
      for (const auto& each : *many) visit(*each);
    }
  }
}

void for_each_use(const Node& node, const std::function<void(ValueId)>& visit) {
  for (ValueId id : node.inputs) {
    if (id != kNoValue) visit(id);
  }
  for_each_subgraph(node, [&](const Graph& graph) {
    for (const Value& value : graph.values) {
      if (value.captured != kNoValue) visit(value.captured);
    }
  });
}

GraphIndex::GraphIndex(const Graph& graph)
    : graph_(graph),
      producers_(graph.values.size(), -1),
      consumers_(graph.values.size()),
      is_output_(graph.values.size(), false) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const int index = static_cast<int>(i);
    for (ValueId id : graph.nodes[i].outputs) {
      if (id != kNoValue) producers_[static_cast<size_t>(id)] = index;
    }
    for_each_use(graph.nodes[i], [&](ValueId id) {
      auto& readers = consumers_[static_cast<size_t>(id)];
      if (readers.empty() || readers.back() != index) readers.push_back(index);
    });
  }
  for (ValueId id : graph.outputs) is_output_[static_cast<size_t>(id)] = true;
}

const Node* GraphIndex::producer(ValueId id) const {
  const int index = id == kNoValue ? -1 : producer_index(id);
  return index < 0 ? nullptr : &graph_.nodes[static_cast<size_t>(index)];
}

const Node* GraphIndex::only_consumer(ValueId id) const {
  const auto& readers = consumers(id);
  if (readers.size() != 1 || is_output(id)) return nullptr;
  return &graph_.nodes[static_cast<size_t>(readers[0])];
}

void sort_topologically(Graph& graph) {
  const GraphIndex index(graph);
  const size_t count = graph.nodes.size();
  std::vector<int> missing(count, 0);
  for (size_t value = 0; value < graph.values.size(); ++value) {
    const auto id = static_cast<ValueId>(value);
    if (index.producer_index(id) < 0) continue;
    for (int reader : index.consumers(id)) ++missing[static_cast<size_t>(reader)];
  }
  // A min-heap on the old position keeps the order of independent nodes.
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  order.reserve(count);
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    order.push_back(next);
    for (ValueId id : graph.nodes[static_cast<size_t>(next)].outputs) {
      if (id == kNoValue) continue;
      for (int reader : index.consumers(id)) {
        if (--missing[static_cast<size_t>(reader)] == 0) ready.push(reader);
      }
    }
  }
  if (order.size() != count) {
    const auto stuck = std::find_if(missing.begin(), missing.end(), [](int m) { return m > 0; });
    const Node& node = graph.nodes[static_cast<size_t>(stuck - missing.begin())];
    fail(Code::INVALID_GRAPH, node.label(), "Expected an acyclic graph but received a cycle at ",
         node.label());
  }
  std::vector<Node> sorted;
  sorted.reserve(count);
  for (int i : order) sorted.push_back(std::move(graph.nodes[static_cast<size_t>(i)]));
  graph.nodes = std::move(sorted);
}

namespace {

std::shared_ptr<const Graph> renumber_captures(const std::shared_ptr<const Graph>& graph,
                                               const std::vector<ValueId>& renumbered) {
  auto copy = std::make_shared<Graph>(*graph);
  for (Value& value : copy->values) {
    if (value.captured != kNoValue) {
      value.captured = renumbered[static_cast<size_t>(value.captured)];
    }
  }
  return copy;
}

}  // namespace

void compact_values(Graph& graph) {
  std::vector<bool> used(graph.values.size(), false);
  const auto mark = [&](ValueId id) {
    if (id != kNoValue) used[static_cast<size_t>(id)] = true;
  };
  for (ValueId id : graph.inputs) mark(id);
  for (ValueId id : graph.outputs) mark(id);
  for (const Node& node : graph.nodes) {
    for_each_use(node, mark);
    for (ValueId id : node.outputs) mark(id);
  }
  std::vector<ValueId> renumbered(graph.values.size(), kNoValue);
  std::vector<Value> kept;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!used[i]) continue;
    renumbered[i] = static_cast<ValueId>(kept.size());
    kept.push_back(std::move(graph.values[i]));
  }
  if (kept.size() == graph.values.size()) {
    graph.values = std::move(kept);
    return;
  }
  graph.values = std::move(kept);
  const auto remap = [&](ValueId& id) {
    if (id != kNoValue) id = renumbered[static_cast<size_t>(id)];
  };
  for (ValueId& id : graph.inputs) remap(id);
  for (ValueId& id : graph.outputs) remap(id);
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) remap(id);
    for (ValueId& id : node.outputs) remap(id);
    for (auto& [key, attribute] : node.attributes) {
      if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
        *one = renumber_captures(*one, renumbered);
      } else if (auto* many = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
        for (auto& each : *many) each = renumber_captures(each, renumbered);
      }
    }
  }
}

}  // namespace whittle
