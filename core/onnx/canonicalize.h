#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/**
 * The difference between two forms of one operator. `up` rewrites a node as written at opset
 * `until` or below to the form of `until` + 1 (for example attribute axes become an input); `down`
 * is the inverse, used by the writer for targets from 13 on. Null means that the form of what both
 * can say is the same.
 *
 * `up` may append nodes to `graph`: they come before `node`, in the form of kInternalOpset.
 */
struct CanonicalizeRule {
  std::string op;
  int64_t until;  // the last opset that has the old form
  void (*up)(Graph& graph, Node& node) = nullptr;
  void (*down)(Graph& graph, Node& node) = nullptr;
  /** Whether the node says what the old form cannot, so that the model needs opset `until` + 1. */
  bool (*needs_new)(const Graph& graph, const Node& node) = nullptr;
};

class CanonicalizeTable {
 public:
  void add(const CanonicalizeRule& rule);
  /** Rules of an operator, in order of `until`. */
  const std::vector<CanonicalizeRule>& rules(const std::string& op) const;

 private:
  std::unordered_map<std::string, std::vector<CanonicalizeRule>> rules_;
};

/** Registers every rule; generated from the file names of core/onnx/canonicalize. */
void register_all_canonicalize_rules(CanonicalizeTable& table);

/** Brings a graph (and its subgraphs) from `source_opset` to kInternalOpset. */
void canonicalize(Graph& graph, int64_t source_opset);
/** The lowest opset, at least 13, whose forms can say what the graph (with its subgraphs) says, and
 * what in it is the reason. */
struct OpsetNeed {
  int64_t opset = 13;
  std::string what;  // "node 'gelu' (Gelu)", "element type int4"; empty at 13
};
OpsetNeed opset_need(const Graph& graph);
/** The inverse for writing: from kInternalOpset to `target_opset`, at least what opset_need says.
 */
void decanonicalize(Graph& graph, int64_t target_opset);

}  // namespace whittle
