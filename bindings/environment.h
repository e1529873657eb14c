#pragma once

#include "core/base/thread_pool.h"
#include "core/kernels/kernel_table.h"

namespace whittle::bindings {

/** The module's one thread pool; serial until startThreads was called and its workers run. */
ThreadPool& pool();

/** The kernels of a tier by name ("reference", "simd128", "relaxed"; "" for the best of this
 * build). Throws INVALID_OPTION for a tier this module was built without. */
const KernelTable& kernels(const std::string& tier);

/** Milliseconds of the host's monotonic clock. */
double now_ms();

}  // namespace whittle::bindings
