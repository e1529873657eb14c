#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "core/base/json.h"
#include "core/compress/recipe.h"
#include "core/runtime/job.h"

namespace whittle {

struct CompressOptions {
  const TechniqueTable* techniques = nullptr;  // null: all_techniques()
  const OpTable* ops = nullptr;                // null: all_ops()
  const KernelTable* kernels = nullptr;        // null: the best of this build
  ThreadPool* pool = nullptr;                  // null: the calling thread; must outlive the job
  const CancelFlag* cancel = nullptr;          // must outlive the job
  /** Bytes after the host's compression (brotli), by which a step must pay; empty: raw bytes. */
  std::function<int64_t(std::span<const std::byte>)> compressed_size;
  /** Whether samples will be given, and whether they can be read more than once. */
  bool have_data = false;
  bool data_reiterable = true;
  /** Samples are made up rather than real: the report says so. */
  bool data_synthetic = false;
};

/**
 * Runs a recipe on a copy of a model, step by step. A step that makes the compressed bytes larger,
 * or adds multiply-accumulates without being asked, is undone and reported.
 */
class CompressJob {
 public:
  /** Checks everything that can be known before the first step. `recipe` is an object, or a
   * preset's name. Throws INVALID_RECIPE, UNKNOWN_TECHNIQUE, INVALID_OPTION, NO_SUCH_LAYER,
   * ALREADY_QUANTIZED, CALIBRATION_REQUIRED, DATA_NOT_REITERABLE. */
  CompressJob(std::shared_ptr<const Model> model, const nlohmann::json& recipe,
              CompressOptions options);
  ~CompressJob();
  CompressJob(CompressJob&&) noexcept;
  CompressJob& operator=(CompressJob&&) noexcept;

  /** As Job::step. Throws what the steps throw, CANCELLED, EMPTY_DATA, INVALID_DATA. */
  JobStatus step(std::optional<Sample> input = {});
  const Recipe& recipe() const;
  /** The compressed model, once done. */
  Model result() const;
  /**
   * Once done: {whittle, seed, target, needsOpset, bytes: {before, after, compressedBefore,
   * compressedAfter}, steps: [{technique, kept, undone?, layers: {touched, total, reasons:
   * [{reason, count, layers}]}, details, bytes, warnings, facts?}], recipe, calibration}. `recipe`
   * repeats the result bit by bit without data.
   */
  nlohmann::json report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/**
 * A dry run: {steps: [{technique, layers: [{name, op, weights, bytes}], candidates, dataPasses,
 * estimatedBytes}], dataPasses, bytes, estimatedBytes, peakMemory, needsData}. Throws as
 * CompressJob does, except for missing data.
 */
nlohmann::json explain(const Model& model, const nlohmann::json& recipe,
                       const TechniqueTable& techniques = all_techniques());

}  // namespace whittle
