#pragma once

#include <string_view>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

struct PassContext {
  const OpTable& ops;
  ThreadPool& pool;
  /** Constant folding keeps a result only while it adds at most this many bytes to the model. */
  int64_t fold_budget_bytes = 1 << 20;
  /** The newest ai.onnx opset whose operators a rewrite may introduce. */
  int64_t opset = 13;
};

/** A rewrite from ONNX to ONNX that keeps the meaning; returns whether it changed anything. */
struct Pass {
  std::string_view name;
  bool (*run)(Graph& graph, const PassContext& context);
};

// One declaration a file of core/passes.
bool eliminate_dead_code(Graph& graph, const PassContext& context);
bool eliminate_identity(Graph& graph, const PassContext& context);
bool fold_constants(Graph& graph, const PassContext& context);
bool fold_bias(Graph& graph, const PassContext& context);
bool fold_pad(Graph& graph, const PassContext& context);
bool fold_batch_norm(Graph& graph, const PassContext& context);
bool fold_shapes(Graph& graph, const PassContext& context);
bool fold_reshape_target(Graph& graph, const PassContext& context);
bool fold_arithmetic(Graph& graph, const PassContext& context);
bool eliminate_common(Graph& graph, const PassContext& context);
bool merge_moves(Graph& graph, const PassContext& context);
bool sink_transposes(Graph& graph, const PassContext& context);
bool drop_zero_state(Graph& graph, const PassContext& context);
bool fuse_instance_norm(Graph& graph, const PassContext& context);
bool fuse_layer_norm(Graph& graph, const PassContext& context);
bool fuse_gelu(Graph& graph, const PassContext& context);
bool fuse_attention(Graph& graph, const PassContext& context);
bool expand_newer(Graph& graph, const PassContext& context);
bool qdq_to_qoperator(Graph& graph, const PassContext& context);
bool qoperator_to_qdq(Graph& graph, const PassContext& context);

/** What compile runs on its own copy, in order: the one hand-written list (passes.cpp). */
const std::vector<Pass>& compile_passes();
/** The pass of that name, or nullptr; also those that run only where asked. */
const Pass* find_pass(std::string_view name);
/** Runs `passes` in order, repeating the list until nothing changes (bounded). */
void run_passes(Graph& graph, const std::vector<Pass>& passes, const PassContext& context);

}  // namespace whittle
