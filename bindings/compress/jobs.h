#pragma once

#include <emscripten/val.h>

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/compress/compress_job.h"
#include "core/measure/evaluate.h"
#include "core/measure/layer_comparison.h"

namespace whittle::bindings {

/** Long work as JavaScript drives it: step() until done, answering what it wants. */
class JobHandle {
 public:
  virtual ~JobHandle() = default;
  /** `sample`: {feeds, label?, id?}; null when the data has ended; undefined to go on. */
  emscripten::val step(const emscripten::val& sample);
  /** The next poll inside a long step ends the job with CANCELLED. */
  void cancel() { cancel_.cancel(); }
  /** JSON, once done. */
  emscripten::val report() const;
  /** The compressed model, once done; UNSUPPORTED for jobs that make none. */
  virtual emscripten::val model() const;

 protected:
  virtual JobStatus advance(std::optional<Sample> input) = 0;
  virtual nlohmann::json make_report() const = 0;

  CancelFlag cancel_;
};

}  // namespace whittle::bindings
