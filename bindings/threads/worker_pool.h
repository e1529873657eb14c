#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/thread_pool.h"

namespace whittle::bindings {

/**
 * Threads that take numbered tasks from a shared counter, so that a slow task does not hold up the
 * others. Between runs workers sleep; within a run they first spin for a moment, since the next
 * node of a plan usually follows in microseconds.
 *
 * `threads()` is 1 until every worker has reported: in a browser a thread starts only after the
 * caller has returned to the event loop, and waiting for it in the same task would never end.
 */
class WorkerPool final : public ThreadPool {
 public:
  /** Starts `threads` - 1 workers; the caller of run() is the last one. */
  explicit WorkerPool(int threads);
  ~WorkerPool() override;

  int threads() const override;
  void run(int64_t tasks, FunctionRef<void(int64_t, int)> task) override;

 private:
  using Task = FunctionRef<void(int64_t, int)>;
  void work(int thread);
  void take_tasks(const Task& task, int64_t tasks, int thread);

  std::vector<std::thread> workers_;
  std::atomic<int> ready_{0};
  std::atomic<uint32_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> stop_{false};
  int64_t tasks_ = 0;
  const Task* task_ = nullptr;
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace whittle::bindings
