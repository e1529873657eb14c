#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/measure/fidelity.h"
#include "core/measure/gate.h"
#include "core/runtime/job.h"

namespace whittle {

struct EvaluateOptions {
  const KernelTable* kernels = nullptr;
  ThreadPool* pool = nullptr;          // must outlive the job
  const CancelFlag* cancel = nullptr;  // must outlive the job
  /** Declared kinds by output name. */
  std::map<std::string, OutputKind> outputs;
  /** Stop with PREPROCESSING_SUSPECT when the original does no better than chance. */
  bool check_preprocessing = true;
  /** Samples are made up: nothing is called accuracy. */
  bool synthetic = false;
  int worst_samples = 10;
};

/**
 * Runs the original and the compressed model on every sample and compares their outputs, in memory
 * that does not grow with the number of samples. Without a compressed model only the original is
 * looked at (accuracy, and whether the preprocessing is suspect).
 */
class EvaluateJob {
 public:
  EvaluateJob(std::shared_ptr<const Model> original, std::shared_ptr<const Model> compressed,
              EvaluateOptions options);
  ~EvaluateJob();
  EvaluateJob(EvaluateJob&&) noexcept;
  EvaluateJob& operator=(EvaluateJob&&) noexcept;

  /** As Job::step; asks for samples until they end. Throws EMPTY_DATA, INVALID_DATA,
   * PREPROCESSING_SUSPECT and what a session's run throws. */
  JobStatus step(std::optional<Sample> input = {});

  /**
   * Once done: {samples, exact, synthetic, outputs: [{name, kind, sqnrDb, cosine, maxError,
   * agreement?: {top1, top5, changed, interval}, kl?, pixelAgreement?}], accuracy?: {original,
   * compressed, drop, labelled, originalInterval, compressedInterval, dropInterval}, changed,
   * worst: [{id, index, sqnrDb, changed}], inputs: [{name, min, max}]}. Shares are in [0, 1];
   * sqnrDb and cosine null where undefined.
   */
  nlohmann::json result() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whittle
