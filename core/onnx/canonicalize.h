#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/**
 * The difference between two forms of one operator. `up` rewrites a node as written at `opset` or
 * below to the form after `opset` + 1 and later (for example attribute axes become an input);
 * `down`, where it exists, is the inverse, used by the writer for targets from 13 on.
 */
struct CanonicalizeRule {
  std::string op;
  int64_t until;  // the last opset that has the old form
  void (*up)(Graph& graph, Node& node) = nullptr;
  void (*down)(Graph& graph, Node& node) = nullptr;
};

class CanonicalizeTable {
 public:
  void add(const CanonicalizeRule& rule) { rules_[rule.op].push_back(rule); }
  /** Rules of an operator, in order of `until`. */
  const std::vector<CanonicalizeRule>& rules(const std::string& op) const;

 private:
  std::unordered_map<std::string, std::vector<CanonicalizeRule>> rules_;
};

/** Registers every rule; generated from the file names of core/onnx/canonicalize. */
void register_all_canonicalize_rules(CanonicalizeTable& table);

/** Brings a graph (and its subgraphs) from `source_opset` to kInternalOpset. */
void canonicalize(Graph& graph, int64_t source_opset);
/** The inverse for writing: from kInternalOpset to `target_opset` (>= 13). */
void decanonicalize(Graph& graph, int64_t target_opset);

}  // namespace whittle
