#include <algorithm>
#include <set>

#include "core/passes/match.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

using Integers = std::vector<int64_t>;

std::optional<Integers> integers(const Graph& graph, ValueId id) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr) return std::nullopt;
  return to_int64s(*tensor, graph.value(id).name);
}

struct Cut {
  Integers starts, ends, axes, steps;
};

/** A Slice whose parameters are all known. */
std::optional<Cut> cut_of(const Graph& graph, const Node& node) {
  const auto starts = integers(graph, node.input(1));
  const auto ends = integers(graph, node.input(2));
  const auto axes = integers(graph, node.input(3));
  if (!starts || !ends || !axes) return std::nullopt;
  Integers steps(starts->size(), 1);
  if (node.input(4) != kNoValue) {
    const auto given = integers(graph, node.input(4));
    if (!given) return std::nullopt;
    steps = *given;
  }
  return Cut{*starts, *ends, *axes, steps};
}

void append(Integers& to, const Integers& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/** Two cuts along different axes are one. */
bool merge_slices(Graph& graph, const Matcher& match, Node& node) {
  const Node* before = match.made_only_for(node.input(0), "Slice");
  if (before == nullptr) return false;
  auto first = cut_of(graph, *before);
  const auto second = cut_of(graph, node);
  if (!first || !second) return false;
  append(first->axes, second->axes);
  const std::set<int64_t> distinct(first->axes.begin(), first->axes.end());
  // Axes counted from both ends may be the same ones.
  if (distinct.size() != first->axes.size() ||
      (*distinct.begin() < 0) != (*distinct.rbegin() < 0)) {
    return false;
  }
  append(first->starts, second->starts);
  append(first->ends, second->ends);
  append(first->steps, second->steps);
  node.inputs = {before->input(0)};
  const auto add = [&](std::string_view suffix, const Integers& values) {
    const Shape shape{static_cast<int64_t>(values.size())};
    node.inputs.push_back(graph.add_constant(concat(node.name, suffix),
                                             Tensor::of(shape, std::span<const int64_t>(values))));
  };
  add("_starts", first->starts);
  add("_ends", first->ends);
  add("_axes", first->axes);
  add("_steps", first->steps);
  return true;
}

/** The order of a transposition; empty where the file leaves it out. */
Integers order_of(const Node& node) {
  return node.ints_attribute("perm");
}

bool merge_transposes(const Matcher& match, Node& node) {
  const Node* before = match.made_by(node.input(0), "Transpose");
  if (before == nullptr) return false;
  const Integers first = order_of(*before);
  Integers order = order_of(node);
  if (first.empty() || first.size() != order.size()) return false;
  for (int64_t& axis : order) axis = first[static_cast<size_t>(axis)];
  node.attributes.insert_or_assign("perm", order);
  node.inputs[0] = before->input(0);
  return true;
}

/** What a Reshape reads, it may read in any shape, unless it keeps dimensions by position. */
bool merge_reshapes(const Graph& graph, const Matcher& match, Node& node) {
  const auto target = integers(graph, node.input(1));
  if (!target || std::find(target->begin(), target->end(), 0) != target->end()) return false;
  for (const char* op : {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}) {
    const Node* before = match.made_by(node.input(0), op);
    if (before == nullptr) continue;
    node.inputs[0] = before->input(0);
    return true;
  }
  return false;
}

}  // namespace

/** Slices, transpositions and reshapes in a row become one. */
bool merge_moves(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return merge_moves(subgraph, context); });
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const bool moves = node.is("Slice") || node.is("Transpose") || node.is("Reshape");
    if (!moves) continue;
    const Matcher match(graph);
    if (node.is("Slice")) changed |= merge_slices(graph, match, node);
    if (node.is("Transpose")) changed |= merge_transposes(match, node);
    if (node.is("Reshape")) changed |= merge_reshapes(graph, match, node);
  }
  return changed;
}

}  // namespace whittle
