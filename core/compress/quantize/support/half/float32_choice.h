#pragma once

#include <map>
#include <set>
#include <string>

#include "core/base/json.h"
#include "core/compress/quantize/support/half/half.h"
#include "core/compress/technique.h"

namespace whittle {

/** Operators that square, sum or exponentiate: what they compute on the way, or make, leaves the
 * range of binary16 although their input lies well inside it. Without data a float16 graph keeps
 * them in float32, as converters of other tools do. */
const std::set<std::string>& wide_range_ops();

/**
 * Which nodes of a model stay float32 in its float16 form, and why. A node whose output does not
 * fit stays together with every reader of that output, so that the value never is a float16 one.
 */
class Float32Choice {
 public:
  explicit Float32Choice(const Graph& graph);

  /** Looks at constants; `judge`: readers of those that binary16 cannot hold (too large, or turned
   * to zero, as an epsilon) stay. */
  void look_at_constants(bool judge);
  /** wide_range_ops(), and what lies between two of them; without data this is all there is. */
  void keep_wide_range_ops();

  /** The values to observe: what the nodes of the graph itself make or read in float32. */
  std::vector<ValueId> values_to_observe() const;
  void observe(ValueId id, const Tensor& value);
  /** Judges what was observed. Nodes of subgraphs, which are not observed, are judged by operator.
   */
  void judge_observed();

  bool keeps(const Node& node) const { return reasons_.contains(node.name); }
  /** By node name. */
  const std::map<std::string, std::string>& reasons() const { return reasons_; }
  /** What was seen at a node: {weights?: HalfLoss, activations?: HalfLoss}; null: nothing. */
  nlohmann::json seen_at(const Node& node) const;

 private:
  void keep(const Node& node, const std::string& reason) {
    reasons_.try_emplace(node.name, reason);
  }
  void fill_gaps();

  const Graph& graph_;
  std::map<std::string, std::string> reasons_;
  std::map<std::string, HalfLoss> constants_;  // by node name
  std::map<ValueId, HalfLoss> observed_;
};

}  // namespace whittle
