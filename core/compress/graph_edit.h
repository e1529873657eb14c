#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/graph/graph.h"

namespace whittle {

/** Short names that no value or node of a graph or its subgraphs has: "q1", "q2" ... */
class NameMaker {
 public:
  explicit NameMaker(const Graph& graph);
  std::string fresh(std::string_view prefix);

 private:
  void collect(const Graph& graph);
  std::unordered_set<std::string> used_;
  std::unordered_map<std::string, int> next_;
};

/** A constant and the graph that owns it: a subgraph may capture a weight of the enclosing one. */
struct ConstantRef {
  const Graph* owner = nullptr;
  ValueId id = kNoValue;

  bool found() const { return owner != nullptr; }
  const Value& value() const { return owner->value(id); }
  const Tensor& tensor() const { return value().constant; }
  auto operator<=>(const ConstantRef&) const = default;
};

/** Finds the owners of captured constants in a graph and its subgraphs. */
class ConstantFinder {
 public:
  explicit ConstantFinder(const Graph& root);
  /** The constant that value `id` of `graph` stands for; not found() when it is none. */
  ConstantRef find(const Graph& graph, ValueId id) const;
  /** The same, looking through operators that only move values: exporters slice a matrix into
   * gates, join them in another order and unsqueeze the result right before the LSTM that reads it.
   */
  ConstantRef find_weight(const Graph& graph, ValueId id) const;

 private:
  void collect(const Graph& graph);
  /** Every output of an operator that only moves values, with the first value it was made from. */
  std::map<std::pair<const Graph*, ValueId>, ValueId> moved_;
  std::unordered_map<const Graph*, const Graph*> parents_;
};

/**
 * Calls `edit(graph, before)` for every subgraph, innermost first, and at last for `root` itself.
 * Subgraphs are shared and immutable, so each call gets a copy that takes the old one's place;
 * `before` is the address it had when decisions were made.
 */
void edit_graphs(Graph& root, const std::function<void(Graph& graph, const Graph* before)>& edit);

/** Drops the values nobody mentions any more, in a graph and its subgraphs. */
void compact_graphs(Graph& root);

/** Constants by content, so that equal scales and zero points are stored once. */
class ConstantPool {
 public:
  ConstantPool(Graph& graph, NameMaker& names) : graph_(graph), names_(names) {}
  ValueId get(const Tensor& tensor, std::string_view prefix);

 private:
  Graph& graph_;
  NameMaker& names_;
  std::map<std::string, ValueId> known_;
};

/** Makes readers of small constants that are equal in type, shape and content read the one with the
 * shortest name; exporters repeat pads, shapes and bounds for every node. */
void share_small_constants(Graph& graph);

/** Appends a node with one new output and returns that output. */
ValueId append_node(Graph& graph, NameMaker& names, std::string op, std::vector<ValueId> inputs,
                    DType dtype, Attributes attributes = {}, std::string domain = {});

/**
 * Makes constant `id` the output of a new node instead (DequantizeLinear, Cast ...), put first, so
 * that every reader and capture sees the derived value under the old name.
 */
void derive_constant(Graph& graph, NameMaker& names, ValueId id, std::string op,
                     std::vector<ValueId> inputs, Attributes attributes = {});

}  // namespace whittle
