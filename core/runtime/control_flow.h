#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/runtime/executor.h"

namespace whittle {

/** Replaces every If whose condition is a known constant by the nodes of its branch. Returns
 * whether it found one. */
bool inline_known_branches(Graph& graph, const std::vector<Fact>& facts);

/** The bodies of one control flow node, compiled like graphs of their own. Values they capture
 * become further inputs. */
class Bodies {
 public:
  Bodies(const Node& node, const LoweredGraph& parent, const CompileOptions& options);

  /** Runs a body; captures are read from `state`. */
  std::vector<Tensor> run(const Graph& body, std::vector<Tensor> inputs, const RunState& state);

 private:
  struct Body {
    std::unique_ptr<Executor> executor;
    std::vector<ValueId> captured;  // values of the parent, in the order of the further inputs
  };
  std::unordered_map<const Graph*, Body> bodies_;
};

}  // namespace whittle
