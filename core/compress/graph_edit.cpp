#include "core/compress/graph_edit.h"

#include <algorithm>

#include "core/graph/traversal.h"

namespace whittle {

NameMaker::NameMaker(const Graph& graph) {
  collect(graph);
}

void NameMaker::collect(const Graph& graph) {
  for (const Value& value : graph.values) used_.insert(value.name);
  for (const Node& node : graph.nodes) {
    used_.insert(node.name);
    for_each_subgraph(node, [this](const Graph& inner) { collect(inner); });
  }
}

std::string NameMaker::fresh(std::string_view prefix) {
  int& next = next_[std::string(prefix)];
  std::string name;
  do {
    name = std::string(prefix) + std::to_string(++next);
  } while (!used_.insert(name).second);
  return name;
}

ConstantFinder::ConstantFinder(const Graph& root) {
  parents_[&root] = nullptr;
  collect(root);
}

void ConstantFinder::collect(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    static const std::unordered_set<std::string> moves = {
        "Unsqueeze", "Squeeze", "Reshape", "Identity", "Slice", "Concat", "Transpose"};
    if (node.domain.empty() && moves.contains(node.op)) {
      moved_[{&graph, node.output(0)}] = node.input(0);
    }
    for_each_subgraph(node, [&](const Graph& inner) {
      parents_[&inner] = &graph;
      collect(inner);
    });
  }
}

ConstantRef ConstantFinder::find(const Graph& graph, ValueId id) const {
  const Graph* owner = &graph;
  while (owner != nullptr && id != kNoValue) {
    const Value& value = owner->value(id);
    if (value.is_constant()) return {owner, id};
    id = value.captured;
    const auto parent = parents_.find(owner);
    owner = parent == parents_.end() ? nullptr : parent->second;
  }
  return {};
}

ConstantRef ConstantFinder::find_weight(const Graph& graph, ValueId id) const {
  const Graph* owner = &graph;
  while (owner != nullptr && id != kNoValue) {
    const Value& value = owner->value(id);
    if (value.is_constant()) return {owner, id};
    if (value.captured != kNoValue) {
      id = value.captured;
      const auto parent = parents_.find(owner);
      owner = parent == parents_.end() ? nullptr : parent->second;
      continue;
    }
    const auto source = moved_.find({owner, id});
    id = source == moved_.end() ? kNoValue : source->second;
  }
  return {};
}

void edit_graphs(Graph& root, const std::function<void(Graph&, const Graph*)>& edit) {
  const std::function<void(Graph&, const Graph*)> recurse = [&](Graph& graph, const Graph* before) {
    const auto replace = [&](std::shared_ptr<const Graph>& slot) {
      auto copy = std::make_shared<Graph>(*slot);
      recurse(*copy, slot.get());
      slot = std::move(copy);
    };
    for (Node& node : graph.nodes) {
      for (auto& [key, attribute] : node.attributes) {
        if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
          replace(*one);
        } else if (auto* many =
                       std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
          for (auto& each : *many) replace(each);
        }
      }
    }
    edit(graph, before);
  };
  recurse(root, &root);
}

void compact_graphs(Graph& root) {
  edit_graphs(root, [](Graph& graph, const Graph*) { compact_values(graph); });
}

namespace {

/** Type, shape and content. */
std::string content_key(const Tensor& tensor) {
  std::string key = concat(static_cast<int>(tensor.dtype()), to_string(tensor.shape()), ":");
  key.append(reinterpret_cast<const char*>(tensor.raw()), static_cast<size_t>(tensor.bytes()));
  return key;
}

}  // namespace

ValueId ConstantPool::get(const Tensor& tensor, std::string_view prefix) {
  const auto [place, added] = known_.try_emplace(content_key(tensor), kNoValue);
  if (added) place->second = graph_.add_constant(names_.fresh(prefix), tensor);
  return place->second;
}

void share_small_constants(Graph& graph) {
  constexpr int64_t kSmall = 1024;  // bytes; larger ones are weights, tied where they are equal
  std::map<std::string, std::vector<ValueId>> equal;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Tensor& tensor = graph.values[i].constant;
    if (!tensor.defined() || tensor.dtype() == DType::string || tensor.bytes() > kSmall) continue;
    equal[content_key(tensor)].push_back(static_cast<ValueId>(i));
  }
  for (const auto& [key, ids] : equal) {
    const ValueId kept = *std::min_element(ids.begin(), ids.end(), [&](ValueId a, ValueId b) {
      return graph.value(a).name.size() < graph.value(b).name.size();
    });
    for (ValueId id : ids) {
      if (id != kept) graph.replace_uses(id, kept);
    }
  }
}

ValueId append_node(Graph& graph, NameMaker& names, std::string op, std::vector<ValueId> inputs,
                    DType dtype, Attributes attributes, std::string domain) {
  Node node;
  node.op = std::move(op);
  node.domain = std::move(domain);
  node.name = names.fresh("n");
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  const ValueId output = graph.add_value(names.fresh("v"), dtype);
  node.outputs = {output};
  graph.nodes.push_back(std::move(node));
  return output;
}

void derive_constant(Graph& graph, NameMaker& names, ValueId id, std::string op,
                     std::vector<ValueId> inputs, Attributes attributes) {
  Node node;
  node.op = std::move(op);
  node.name = names.fresh("n");
  node.inputs = std::move(inputs);
  node.outputs = {id};
  node.attributes = std::move(attributes);
  graph.value(id).constant = Tensor{};
  graph.nodes.insert(graph.nodes.begin(), std::move(node));
}

}  // namespace whittle
