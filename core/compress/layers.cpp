#include "core/compress/layers.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

void walk(const Graph& graph, int64_t& ordinal,
          const std::function<void(const Graph&, const Node&, int64_t)>& visit) {
  for (const Node& node : graph.nodes) {
    visit(graph, node, ordinal++);
    for_each_subgraph(node, [&](const Graph& inner) { walk(inner, ordinal, visit); });
  }
}

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

std::string origin_of(const Layer& layer) {
  const ValueId id = layer.node->output(0);
  return id == kNoValue ? std::string() : layer.graph->value(id).origin_name();
}

bool is_wildcard(const std::string& pattern) {
  return pattern.find_first_of("*?") != std::string::npos;
}

bool matches(const LayerRule& rule, const Layer& layer, int64_t position, int64_t count) {
  if (rule.op && *rule.op != layer.op()) return false;
  if (rule.index && *rule.index != position && *rule.index != position - count) return false;
  if (rule.name && !glob_match(*rule.name, layer.name()) &&
      !glob_match(*rule.name, origin_of(layer))) {
    return false;
  }
  return true;
}

[[noreturn]] void no_such_layer(const LayerRule& rule, const std::vector<Layer>& layers) {
  std::string asked;
  std::string advice;
  if (rule.name) {
    asked = "name \"" + *rule.name + '"';
    std::vector<std::string> known;
    for (const Layer& layer : layers) known.push_back(layer.name());
    advice = did_you_mean(*rule.name, known, 3);
  }
  if (rule.op) {
    asked += (asked.empty() ? "op \"" : ", op \"") + *rule.op + '"';
    if (advice.empty()) {
      std::vector<std::string> ops;
      for (const Layer& layer : layers) {
        if (!contains(ops, layer.op())) ops.push_back(layer.op());
      }
      for (const std::string& op : ops) advice += (advice.empty() ? " It has " : ", ") + op;
      if (!advice.empty()) advice = "." + advice;
    }
  }
  if (rule.index) {
    asked += concat(asked.empty() ? "index " : ", index ", *rule.index);
    if (advice.empty()) advice = concat(". There are ", layers.size(), " such layers");
  }
  if (layers.empty()) advice = ". The model has no layer this technique works on";
  fail(Code::NO_SUCH_LAYER, rule.path, "Expected a layer of the model for ", rule.path,
       " but received ", asked, ", which matches nothing", advice);
}

}  // namespace

void walk_nodes(const Graph& graph,
                const std::function<void(const Graph&, const Node&, int64_t)>& visit) {
  int64_t ordinal = 0;
  walk(graph, ordinal, visit);
}

nlohmann::json to_json(const LayerRule& rule) {
  nlohmann::json json = rule.overrides;
  if (rule.name) json["name"] = *rule.name;
  if (rule.op) json["op"] = *rule.op;
  if (rule.index) json["index"] = *rule.index;
  if (rule.skip) json["skip"] = true;
  return json;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<Layer> select_layers(const Graph& graph, const std::vector<std::string>& ops,
                                 const std::vector<std::string>& optional_ops,
                                 const Options& options, const std::vector<LayerRule>& rules) {
  std::vector<Layer> all;
  walk_nodes(graph, [&](const Graph& owner, const Node& node, int64_t ordinal) {
    if (!node.domain.empty()) return;
    if (!contains(ops, node.op) && !contains(optional_ops, node.op)) return;
    all.push_back(Layer{&node, &owner, &owner != &graph, ordinal, options, false});
  });
  const bool all_by_default = rules.empty() || rules.front().skip;
  std::vector<int64_t> positions;  // among the layers of `ops`; -1 for the optional ones
  int64_t count = 0;
  for (Layer& layer : all) {
    const bool usual = contains(ops, layer.op());
    positions.push_back(usual ? count++ : -1);
    layer.selected = usual && all_by_default;
  }
  for (const LayerRule& rule : rules) {
    bool matched = false;
    for (size_t i = 0; i < all.size(); ++i) {
      Layer& layer = all[i];
      const bool optional = positions[i] < 0;
      const bool asked = rule.op || (rule.name && !is_wildcard(*rule.name));
      if (optional && (!asked || rule.index) && !rule.skip) continue;
      if (!matches(rule, layer, positions[i], count)) continue;
      matched = true;
      layer.selected = !rule.skip;
      if (!rule.skip) layer.options = layer.options.with(rule.overrides, rule.path);
    }
    if (!matched) no_such_layer(rule, all);
  }
  // An optional operator nobody asked for is no layer of this step at all.
  std::vector<Layer> layers;
  for (size_t i = 0; i < all.size(); ++i) {
    if (positions[i] >= 0 || all[i].selected) layers.push_back(std::move(all[i]));
  }
  return layers;
}

}  // namespace whittle
