#include "bindings/threads/worker_pool.h"

#include <utility>

#include "bindings/threads/make_pool.h"

namespace whittle::bindings {
namespace {

// About 20 microseconds of spinning on the machines measured; longer only burns the other core.
constexpr int kSpins = 4000;

}  // namespace

WorkerPool::WorkerPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

WorkerPool::~WorkerPool() {
  stop_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int WorkerPool::threads() const {
  const int workers = static_cast<int>(workers_.size());
  return ready_.load(std::memory_order_acquire) == workers ? workers + 1 : 1;
}

void WorkerPool::take_tasks(const Task& task, int64_t tasks, int thread) {
  for (int64_t i = next_.fetch_add(1); i < tasks; i = next_.fetch_add(1)) {
    try {
      task(i, thread);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      next_.store(tasks);
    }
  }
}

void WorkerPool::run(int64_t tasks, Task task) {
  if (tasks <= 1 || threads() == 1) {
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
    return;
  }
  tasks_ = tasks;
  task_ = &task;
  next_.store(0);
  busy_.store(static_cast<int>(workers_.size()));
  generation_.fetch_add(1);
  generation_.notify_all();
  take_tasks(task, tasks, 0);
  // The caller's tasks take about as long as the workers', so spinning here is short.
  while (busy_.load(std::memory_order_acquire) != 0) {
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WorkerPool::work(int thread) {
  uint32_t seen = generation_.load();
  ready_.fetch_add(1, std::memory_order_release);
  for (;;) {
    for (int spin = 0; spin < kSpins && generation_.load() == seen; ++spin) {
    }
    generation_.wait(seen);
    seen = generation_.load();
    if (stop_.load()) return;
    take_tasks(*task_, tasks_, thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

std::unique_ptr<ThreadPool> make_pool(int threads) {
  return std::make_unique<WorkerPool>(threads);
}

}  // namespace whittle::bindings
