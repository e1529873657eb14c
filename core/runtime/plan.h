#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/runtime/lower/lowered_graph.h"
#include "core/runtime/session.h"

namespace whittle {

/** What steps work on during a run. */
class RunState {
 public:
  /** The bytes of a static value. */
  template <typename T = std::byte>
  T* data(ValueId id) const {
    return reinterpret_cast<T*>(pointers[static_cast<size_t>(id)]);
  }
  /** A value as a tensor in plain layout: borrowed from the arena, or made during this run. */
  Tensor tensor(ValueId id) const;
  /** Memory of one thread, as large as the plan's steps asked for. */
  std::byte* scratch(int thread) const {
    return scratch_base + static_cast<size_t>(thread) * scratch_stride;
  }

  const LoweredGraph* graph = nullptr;
  ThreadPool* pool = nullptr;
  const Observer* observer = nullptr;
  std::vector<std::byte*> pointers;  // by ValueId
  std::vector<Tensor> tensors;       // by ValueId: what has no static place
  std::byte* scratch_base = nullptr;
  size_t scratch_stride = 0;
};

/** One thing a plan does. */
struct Step {
  std::function<void(RunState&)> run;
  StepProfile profile;
};

/** A value whose bytes belong to an input or output tensor of the run. */
struct Rebinding {
  ValueId value = kNoValue;
  size_t position = 0;
  int64_t offset = 0;  // bytes
};

/** A compiled graph for concrete input shapes. */
struct Plan {
  LoweredGraph graph;
  std::vector<Step> steps;
  RunState state;
  std::vector<Rebinding> input_bindings;
  std::vector<Rebinding> output_bindings;
  /** Outputs that share the bytes of a constant, an input or another output: copied at the end. */
  std::vector<size_t> copied_outputs;
  std::vector<Tensor> arena;  // one block, or one per value where the arena is off
  int64_t arena_bytes = 0;
  std::vector<std::shared_ptr<const void>> held;  // packed constants

  /** Moves constants that are still read into memory of their own, so that nothing keeps the
   * model's memory alive. */
  void detach_constants();
  /** Runs with inputs in the graph's order; returns the outputs in the graph's order. */
  std::vector<Tensor> run(std::span<const Tensor> inputs, const Observer* observer,
                          const std::function<double()>* clock_ms);
};

}  // namespace whittle
