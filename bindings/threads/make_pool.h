#pragma once

#include <memory>

#include "core/base/thread_pool.h"

namespace whittle::bindings {

/** A pool in which `threads` work in all. A module links one of two: serial.cpp, whose pool has the
 * calling thread alone, or worker_pool.cpp. */
std::unique_ptr<ThreadPool> make_pool(int threads);

}  // namespace whittle::bindings
