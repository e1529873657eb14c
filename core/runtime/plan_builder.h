#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/runtime/lower/lowered_graph.h"
#include "core/runtime/memory_plan.h"
#include "core/runtime/pack_cache.h"
#include "core/runtime/plan.h"

namespace whittle {

/** What compiling needs to know besides the graph. */
struct CompileOptions {
  const KernelTable* kernels = nullptr;
  const OpTable* ops = nullptr;
  ThreadPool* pool = nullptr;
  bool fuse = true;
  bool arena = true;
  /** Original names of values for the observer. */
  std::vector<std::string> observe;
  bool observe_stored = false;  // as stored, rather than in ONNX's order
};

/**
 * Collects the steps of a plan and what they need of memory, then lays it out. Step builders
 * (steps/) call it for one operation after the other.
 */
class PlanBuilder {
 public:
  PlanBuilder(LoweredGraph graph, const CompileOptions& options, std::shared_ptr<PackCache> packs);

  const LoweredGraph& graph() const { return graph_; }
  const LoweredValue& value(ValueId id) const { return graph_.value(id); }
  const KernelTable& kernels() const { return *options_.kernels; }
  const CompileOptions& options() const { return options_; }
  const std::shared_ptr<PackCache>& packs() const { return packs_; }
  int threads() const { return options_.pool->threads(); }

  /** Adds the step of the operation being built. */
  void add_step(std::string kernel, std::function<void(RunState&)> run);
  /** `view` shares the bytes of `base` from `offset` bytes on. No step is needed. */
  void alias(ValueId view, ValueId base, int64_t offset = 0);
  /** Lets `value` be made at `offset` bytes inside `base`, if the plan is free to choose where it
   * is made and it is not part of another value already. */
  bool place_into(ValueId value, ValueId base, int64_t offset);
  /** The step may write `output` over `input` (same size, read element by element before it is
   * overwritten): done where nothing reads `input` later. */
  void allow_in_place(ValueId output, ValueId input);
  /** Memory for the step being built only, at RunState::data(returned id). */
  ValueId temporary(int64_t bytes);
  /** Every thread gets at least this much scratch. */
  void need_scratch(size_t bytes_per_thread);
  /** A packed constant, made by `fill` unless the session has it already. `key` names content and
   * form. */
  const std::byte* pack(const std::string& key, size_t bytes,
                        const std::function<void(std::byte*)>& fill);
  /** "name" for shared constants, a name private to this plan otherwise. */
  std::string pack_key(ValueId constant) const;
  /** Keeps `held` alive as long as the plan. */
  void hold(std::shared_ptr<const void> held) { plan_.held.push_back(std::move(held)); }

  /** Marks the operation that following calls belong to. */
  void begin_op(const LoweredOp& op);
  Plan finish();

 private:
  struct View {
    ValueId base = kNoValue;  // kNoValue: a root
    int64_t offset = 0;
  };
  struct Life {
    int first = -1;
    int last = -1;
  };

  View root_of(ValueId id) const;
  void compute_lives();
  void apply_in_place();
  void bind();
  /** Drops the plan's hold on constants that were packed. */
  void release_packed();

  LoweredGraph graph_;
  CompileOptions options_;
  std::shared_ptr<PackCache> packs_;
  int scope_;
  Plan plan_;
  const LoweredOp* op_ = nullptr;
  std::vector<const LoweredOp*> step_ops_;  // by step
  std::vector<View> views_;                 // by value
  std::vector<Life> lives_;                 // by root value
  std::vector<std::pair<ValueId, int>> temporaries_;
  std::vector<std::pair<ValueId, ValueId>> in_place_;
  size_t scratch_bytes_ = 0;
};

}  // namespace whittle
