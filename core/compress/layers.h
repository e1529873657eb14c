#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/options.h"
#include "core/graph/graph.h"

namespace whittle {

/**
 * One entry of a step's `layers`: {name?, op?, index?, skip?, ...overrides}. Every given criterion
 * must match. `name` is a glob ('*' any text, '?' one character) over the node's name or the
 * original name of its first output; `index` counts the technique's layers in graph order, negative
 * from the end.
 */
struct LayerRule {
  std::optional<std::string> name;
  std::optional<std::string> op;
  std::optional<int64_t> index;
  bool skip = false;
  nlohmann::json overrides = nlohmann::json::object();
  std::string path;  // "steps[0].layers[1]"
};

/** The rule as a recipe spells it. */
nlohmann::json to_json(const LayerRule& rule);

/** A node a technique may work on, in a graph or one of its subgraphs. */
struct Layer {
  const Node* node = nullptr;
  const Graph* graph = nullptr;
  bool in_subgraph = false;
  /** Position of the node when the graph and its subgraphs are walked in order (walk_nodes). */
  int64_t ordinal = 0;
  Options options;
  bool selected = false;

  const std::string& name() const { return node->name; }
  const std::string& op() const { return node->op; }
};

/** Visits every node of `graph`, each followed by the nodes of its subgraphs; `ordinal` counts up.
 */
void walk_nodes(const Graph& graph,
                const std::function<void(const Graph&, const Node&, int64_t ordinal)>& visit);

/** Whether `text` matches a pattern of literals, '*' and '?'. */
bool glob_match(std::string_view pattern, std::string_view text);

/**
 * The layers whose operator is in `ops`, with their options after every rule. Without rules all are
 * selected. Rules apply in order, later ones win; when the first rule is a `skip` all layers start
 * selected, else none. A rule that names an operator outside `ops` but in `optional_ops`, or names
 * one layer without wildcards, adds that layer. Throws NO_SUCH_LAYER with the nearest names when a
 * rule matches nothing.
 */
std::vector<Layer> select_layers(const Graph& graph, const std::vector<std::string>& ops,
                                 const std::vector<std::string>& optional_ops,
                                 const Options& options, const std::vector<LayerRule>& rules);

}  // namespace whittle
