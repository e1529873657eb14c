#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/base/thread_pool.h"
#include "core/graph/graph.h"
#include "core/kernels/kernel_table.h"
#include "core/tensor/tensor.h"

namespace whittle {

using Feeds = std::map<std::string, Tensor>;

struct SessionOptions {
  /** The kernels to use; nullptr: the best this build has. */
  const KernelTable* kernels = nullptr;
  /** Where work is spread; nullptr: the calling thread. Must outlive the session. */
  ThreadPool* pool = nullptr;
  /** Values (by original name) handed to the observer of each run, kept through fusion. */
  std::vector<std::string> observe;
  /** The elements of observed tensors come in the order they are stored in, under the usual shape:
   * no copy is made for an observer to which their order is all one. */
  bool observe_stored = false;
  /** Outputs fed back, as output name to input name: the input of a run is what the run before it
   * left, at first zeros or what is fed. */
  std::map<std::string, std::string> state;
  /** Fusion, layout changes and the shared arena; off only to compare (tests). */
  bool fuse = true;
  bool arena = true;
  /** Record the time of each step; needs `clock`. */
  bool profile = false;
  std::function<double()> clock_ms;
  /** Releases the model's initializers as they are packed: the model cannot be used again. */
  bool consume = false;
};

/** One step of a plan as shown to users. */
struct StepProfile {
  std::string node;    // name of the node it came from
  std::string op;      // "Conv", fused parts joined by '+': "Conv+Add+Relu"
  std::string kernel;  // "f32_igemm_6x8", "reference"
  std::string shape;   // output shape
  int64_t macs = 0;
  double time_ms = 0;  // last run
};

/** Called with an observed value during a run; the tensor (row-major, plain layout) is valid only
 * inside the call. */
using Observer = std::function<void(const std::string& name, const Tensor& value)>;

/**
 * A compiled model that runs many times. The plan is made for the concrete input shapes of a run
 * and kept (a few most recent ones), so a run with known shapes allocates nothing but its outputs.
 * One thread at a time may call a session; sessions are independent of each other.
 */
class Session {
 public:
  /** Compiles what can be compiled before shapes are known; with fully known input shapes the whole
   * plan. Throws UNSUPPORTED_OPERATOR, SHAPE_MISMATCH, OUT_OF_MEMORY ... naming the node. */
  Session(std::shared_ptr<const Model> model, SessionOptions options);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const Model& model() const;
  /** Runs once. Throws MISSING_INPUT, UNKNOWN_INPUT, TYPE_MISMATCH, SHAPE_MISMATCH, INVALID_DATA.
   * `outputs` picks by name (UNKNOWN_OUTPUT); empty means default_outputs(). */
  std::vector<Tensor> run(const Feeds& feeds, const std::vector<std::string>& outputs = {});
  /** All outputs in the model's order, but those fed back. */
  const std::vector<std::string>& default_outputs() const;
  /** What is fed back, by input; nothing before the first run. Tensors are shared, not copied. */
  Feeds state() const;
  /** Goes on from there; with nothing the next run starts anew. Throws UNKNOWN_INPUT. */
  void set_state(const Feeds& state);
  void set_observer(Observer observer);

  /** Steps of the most recent plan. */
  std::vector<StepProfile> profile() const;
  /** Bytes held for packed constants, and for the arena of the most recent plan. */
  int64_t constant_bytes() const;
  int64_t arena_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whittle
