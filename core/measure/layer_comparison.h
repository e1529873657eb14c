#pragma once

#include <memory>
#include <optional>

#include "core/base/json.h"
#include "core/runtime/job.h"

namespace whittle {

struct LayerComparisonOptions {
  const KernelTable* kernels = nullptr;
  ThreadPool* pool = nullptr;          // must outlive the job
  const CancelFlag* cancel = nullptr;  // must outlive the job
  /** Bytes of the original's tensors kept at a time until the compressed model makes its own. A
   * model with more runs several times on each sample. */
  int64_t memory = int64_t{64} << 20;
};

/**
 * Runs an original and a compressed model on the same samples and compares what their layers make,
 * tensor by tensor, in memory that does not grow with the number of samples. Fusion works as it
 * does for users; only the compared tensors are kept from being fused away.
 */
class LayerComparisonJob {
 public:
  LayerComparisonJob(std::shared_ptr<const Model> original, std::shared_ptr<const Model> compressed,
                     LayerComparisonOptions options);
  ~LayerComparisonJob();
  LayerComparisonJob(LayerComparisonJob&&) noexcept;
  LayerComparisonJob& operator=(LayerComparisonJob&&) noexcept;

  /** As Job::step; asks for samples until they end. Throws EMPTY_DATA, SHAPE_MISMATCH when inputs
   * or outputs have no counterpart, and what a session's run throws. */
  JobStatus step(std::optional<Sample> input = {});

  /**
   * Once done: {samples, layers: [{name, op, output, index, sqnrDb, cosine, maxError, exact,
   * nonFinite?, rescaled?, macs, bytes, compressed: {op, output, macs, bytes, weights}}], alone:
   * [{name, op, in: "original" | "compressed", reason}]}. Layers come worst first; `index` is their
   * place in the original. Null: sqnrDb and cosine where undefined; maxError of a rescaled tensor
   * (LayerStats); weights without any.
   */
  nlohmann::json result() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whittle
