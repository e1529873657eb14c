#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/base/error.h"

namespace whittle {

/** Set from outside, polled by long loops. */
class CancelFlag {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  /** Throws CANCELLED if the flag is set. */
  void poll() const {
    if (cancelled()) throw Error(Code::CANCELLED, "The operation was cancelled");
  }

 private:
  std::atomic<bool> cancelled_{false};
};

/** How far a long job has come. */
struct Progress {
  std::string stage;   // for example "calibrate" or "svd"
  std::string layer;   // the layer at work; may be empty
  int64_t done = 0;    // units finished in this stage
  int64_t total = -1;  // units in this stage; -1 when unknown
};

}  // namespace whittle
