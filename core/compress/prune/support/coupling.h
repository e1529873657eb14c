#pragma once

#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/compress/prune/support/channel_slots.h"
#include "core/graph/traversal.h"
#include "core/ops/op.h"

namespace whittle {

/** An operand of a node: input or output `index`. */
struct Operand {
  bool output = false;
  size_t index = 0;

  static Operand in(size_t index) { return {false, index}; }
  static Operand out(size_t index = 0) { return {true, index}; }
  ValueId of(const Node& node) const { return output ? node.output(index) : node.input(index); }
};

/**
 * The dependency graph between channels: which places of which axes of which values can only be
 * removed together. It starts at the outputs of some layers and follows every reader and maker of
 * what it reaches, each by the rule of its operator (coupling_rules.h), until nothing new is found.
 * Constants are values like others, so weights, biases and tables shrink with what they belong to.
 * An operator without a rule, an input and an output of the model pin what reaches them.
 */
class Coupling {
 public:
  /** Shapes of `graph` have been inferred; it must outlive this. */
  Coupling(const Graph& graph, const OpTable& ops);

  /** Follows an axis; false when its extent is not known. */
  bool follow(const ValueAxis& at);

  const ChannelSlots& slots() const { return slots_; }

  // For the rules. Operands that are absent are ignored.
  const Graph& graph() const { return graph_; }
  const GraphIndex& index() const { return index_; }
  const OpTable& ops() const { return ops_; }
  /** nullopt when not even the rank is known. */
  const std::optional<Dims>& dims(ValueId id) const { return graph_.value(id).dims; }
  int rank(ValueId id) const;
  /** The extent of an axis, or -1 when it is not known. */
  int64_t extent(ValueId id, int axis) const;
  /** The constant integers of an input, or nullopt. */
  std::optional<std::vector<int64_t>> integers(const Node& node, size_t input) const;
  /** Places with the same index belong together; axes of different or unknown extents are pinned.
   */
  void tie(ValueId a, int axis_a, ValueId b, int axis_b);
  /** One place of each. */
  void tie(const ValueAxis& a, int64_t index_a, const ValueAxis& b, int64_t index_b);
  void pin(ValueId id, int axis, const std::string& reason);

 private:
  int open(const ValueAxis& at);
  void visit(const ValueAxis& at);
  void apply(int node, const ValueAxis& at);

  const Graph& graph_;
  const OpTable& ops_;
  GraphIndex index_;
  std::set<ValueId> model_inputs_;
  ChannelSlots slots_;
  std::deque<ValueAxis> queue_;
};

}  // namespace whittle
