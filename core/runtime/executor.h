#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/runtime/compile.h"
#include "core/runtime/plan.h"

namespace whittle {

/**
 * A graph together with its plans, one for each set of input shapes met lately. Sessions have one;
 * control flow has one for each body.
 */
class Executor {
 public:
  Executor(Graph graph, const CompileOptions& options, std::shared_ptr<PackCache> packs);

  /** Inputs and outputs in the graph's order. */
  std::vector<Tensor> run(std::span<const Tensor> inputs, const Observer* observer = nullptr,
                          const std::function<double()>* clock_ms = nullptr);
  /** Makes the plan for these shapes ahead of the first run. */
  void prepare(std::span<const Shape> shapes);
  /** Gives up the graph's weights where the plan made by prepare() serves every run: all input
   * shapes are fixed. Does nothing otherwise. */
  void release_weights();
  /** The plan of the last run or prepare; null before. */
  const Plan* latest() const { return plans_.empty() ? nullptr : plans_.back()->plan.get(); }

 private:
  struct Entry {
    std::vector<Shape> shapes;
    std::vector<DType> dtypes;
    /** Values of small integer inputs the plan depends on; undefined where it does not. */
    std::vector<Tensor> values;
    std::unique_ptr<Plan> plan;
  };
  /** Whether one plan serves whatever input `i` holds: a sequence, or an optional with and without
   * content. */
  bool is_open(size_t i) const { return is_container(graph_.value(graph_.inputs[i]).dtype); }
  bool fits(const Entry& entry, std::span<const Tensor> inputs) const;
  Plan& plan_for(std::span<const Tensor> inputs);
  void keep(std::unique_ptr<Entry> entry);

  Graph graph_;
  CompileOptions options_;
  std::shared_ptr<PackCache> packs_;
  std::vector<std::unique_ptr<Entry>> plans_;  // the most recently used last
  int value_plans_ = 0;                        // how many plans were made for particular values
};

}  // namespace whittle
