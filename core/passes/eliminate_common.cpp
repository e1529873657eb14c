#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

bool is_same(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (a.dtype() == DType::string) {
    return std::equal(a.strings().begin(), a.strings().end(), b.strings().begin());
  }
  return a.raw() == b.raw() || std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

/** FNV-1a of the first bytes: enough to tell nearly all constants apart. */
uint64_t hash_of(const Tensor& tensor) {
  constexpr size_t kLooked = 4096;
  uint64_t hash = 14695981039346656037u;
  const size_t count = std::min(kLooked, static_cast<size_t>(tensor.bytes()));
  for (size_t i = 0; i < count; ++i) {
    hash = (hash ^ static_cast<uint64_t>(tensor.raw()[i])) * 1099511628211u;
  }
  return hash;
}

/** Readers of equal constants read the first one; weights stored twice are tied. */
bool share_constants(Graph& graph) {
  std::vector<bool> read(graph.values.size(), false);
  for (const Node& node : graph.nodes) {
    for_each_use(node, [&](ValueId id) { read[static_cast<size_t>(id)] = true; });
  }
  bool changed = false;
  std::unordered_map<uint64_t, std::vector<ValueId>> known;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Tensor& tensor = graph.values[i].constant;
    if (!tensor.defined() || is_container(tensor.dtype())) continue;
    const auto id = static_cast<ValueId>(i);
    auto& alike = known[hash_of(tensor)];
    const auto first = std::find_if(alike.begin(), alike.end(), [&](ValueId other) {
      return is_same(graph.value(other).constant, tensor);
    });
    if (first == alike.end()) {
      alike.push_back(id);
      continue;
    }
    if (!read[i]) continue;
    graph.replace_uses(id, *first);
    changed = true;
  }
  return changed;
}

struct Writing {
  std::string& text;
  bool& complete;

  void operator()(int64_t value) { text += std::to_string(value); }
  void operator()(float value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void operator()(const std::string& value) { text += value; }
  void operator()(const Tensor& value) {
    complete = complete && value.dtype() != DType::string && !is_container(value.dtype());
    if (!complete) return;
    text += concat(static_cast<int>(value.dtype()), to_string(value.shape()));
    text.append(reinterpret_cast<const char*>(value.raw()), static_cast<size_t>(value.bytes()));
  }
  template <typename Item>
  void operator()(const std::vector<Item>& items) {
    for (const Item& item : items) {
      (*this)(item);
      text += ',';
    }
  }
  void operator()(const std::shared_ptr<const Graph>&) { complete = false; }
  void operator()(const ValueType&) { complete = false; }
};

/** All that a node's results depend on; empty for one that is never merged. */
std::string key_of(const Node& node, const OpTable& ops) {
  const OpDef* op = ops.find(node);
  if (op == nullptr || op->has(Trait::nondeterministic) || op->has(Trait::control_flow)) return "";
  std::string key = node.domain + "|" + node.op + "|";
  for (ValueId id : node.inputs) key += std::to_string(id) + ",";
  key += "|" + std::to_string(node.outputs.size());
  bool complete = true;
  for (const auto& [name, attribute] : node.attributes) {
    key += "|" + name + "=" + std::to_string(attribute.index()) + ":";
    std::visit(Writing{key, complete}, attribute);
  }
  return complete ? key : "";
}

bool has_output(const Graph& graph, const Node& node) {
  return std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
    return std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
  });
}

}  // namespace

/** Nodes that compute the same from the same become one, and equal constants as well. Results that
 * are outputs of the graph keep their names and so their nodes. */
bool eliminate_common(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return eliminate_common(subgraph, context); });
  }
  changed |= share_constants(graph);
  std::unordered_map<std::string, size_t> known;
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    std::string key = key_of(graph.nodes[i], context.ops);
    if (key.empty()) continue;
    const auto [place, is_new] = known.emplace(std::move(key), i);
    if (is_new || has_output(graph, graph.nodes[i])) continue;
    std::vector<ValueId>& kept = graph.nodes[place->second].outputs;
    const std::vector<ValueId> gone = graph.nodes[i].outputs;
    for (size_t k = 0; k < gone.size(); ++k) {
      if (gone[k] == kNoValue) continue;
      if (kept[k] == kNoValue) {
        kept[k] = gone[k];
      } else {
        graph.replace_uses(gone[k], kept[k]);
      }
    }
    dead[i] = true;
    changed = true;
  }
  remove_nodes(graph, dead);
  return changed;
}

}  // namespace whittle
