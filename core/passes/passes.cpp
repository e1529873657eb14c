#include "core/passes/pass.h"

namespace whittle {
namespace {

/** A rewrite makes room for others at most a few times; more means two of them undo each other. */
constexpr int kMaxRounds = 8;

/** What runs only where it is asked for. */
constexpr Pass kOnRequest[] = {
    {"fold-shapes", fold_shapes},           {"fold-reshape-target", fold_reshape_target},
    {"fold-arithmetic", fold_arithmetic},   {"eliminate-common", eliminate_common},
    {"merge-moves", merge_moves},           {"sink-transposes", sink_transposes},
    {"drop-zero-state", drop_zero_state},   {"fuse-instance-norm", fuse_instance_norm},
    {"fuse-layer-norm", fuse_layer_norm},   {"fuse-gelu", fuse_gelu},
    {"fuse-attention", fuse_attention},     {"expand-newer", expand_newer},
    {"qdq-to-qoperator", qdq_to_qoperator}, {"qoperator-to-qdq", qoperator_to_qdq},
};

}  // namespace

const std::vector<Pass>& compile_passes() {
  static const std::vector<Pass> passes = {
      // Detours go first: they hide the patterns the others look for.
      {"eliminate-identity", eliminate_identity},
      // What BatchNorm and Pad read is often computed from constants.
      {"fold-constants", fold_constants},
      {"fold-pad", fold_pad},
      {"fold-bias", fold_bias},
      {"fold-batchnorm", fold_batch_norm},
      {"eliminate-dead-code", eliminate_dead_code},
  };
  return passes;
}

const Pass* find_pass(std::string_view name) {
  for (const Pass& pass : compile_passes()) {
    if (pass.name == name) return &pass;
  }
  for (const Pass& pass : kOnRequest) {
    if (pass.name == name) return &pass;
  }
  return nullptr;
}

void run_passes(Graph& graph, const std::vector<Pass>& passes, const PassContext& context) {
  bool changed = true;
  for (int round = 0; changed && round < kMaxRounds; ++round) {
    changed = false;
    for (const Pass& pass : passes) changed = pass.run(graph, context) || changed;
  }
}

}  // namespace whittle
