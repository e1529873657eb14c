#pragma once

#include <optional>
#include <string_view>

#include "core/graph/traversal.h"

namespace whittle {

/** Looks at the surroundings of a node, for rewrites that join several into one. */
class Matcher {
 public:
  explicit Matcher(const Graph& graph) : graph_(graph), index_(graph) {}

  const GraphIndex& index() const { return index_; }
  /** The node that makes `id` where its operator is `op`, else nullptr. */
  const Node* made_by(ValueId id, std::string_view op) const;
  /** The same, where nobody else reads `id`. */
  const Node* made_only_for(ValueId id, std::string_view op) const;
  /** The value of a float32 constant of one element. */
  std::optional<float> scalar(ValueId id) const;
  /** Whether `id` is a constant within 1e-5 (relative) of `value`. */
  bool is_scalar(ValueId id, float value) const;
  /** The number of dimensions, where it is known. */
  std::optional<int> rank(ValueId id) const;
  /** The other input of `node`, of two. */
  static ValueId other_input(const Node& node, ValueId id) {
    return node.input(0) == id ? node.input(1) : node.input(0);
  }

 private:
  const Graph& graph_;
  GraphIndex index_;
};

}  // namespace whittle
