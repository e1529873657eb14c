#include <algorithm>

#include "core/passes/pass.h"

namespace whittle {
namespace {

/** A rewrite makes room for others at most a few times; more means two of them undo each other. */
constexpr int kMaxRounds = 8;

}  // namespace

const std::vector<Pass>& compile_passes() {
  static const std::vector<Pass> passes = {
      // Detours go first: they hide the patterns the others look for.
      {"eliminate-identity", eliminate_identity},
      // What BatchNorm and Pad read is often computed from constants.
      {"fold-constants", fold_constants},
      {"fold-pad", fold_pad},
      {"fold-batchnorm", fold_batch_norm},
      {"eliminate-dead-code", eliminate_dead_code},
  };
  return passes;
}

const Pass* find_pass(std::string_view name) {
  const auto& passes = compile_passes();
  const auto found = std::find_if(passes.begin(), passes.end(),
                                  [&](const Pass& pass) { return pass.name == name; });
  return found == passes.end() ? nullptr : &*found;
}

void run_passes(Graph& graph, const std::vector<Pass>& passes, const PassContext& context) {
  bool changed = true;
  for (int round = 0; changed && round < kMaxRounds; ++round) {
    changed = false;
    for (const Pass& pass : passes) changed = pass.run(graph, context) || changed;
  }
}

}  // namespace whittle
