#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/progress.h"
#include "core/runtime/session.h"

namespace whittle {

/** One complete feed of a model, with what is known about it. */
struct Sample {
  Feeds feeds;
  std::optional<int64_t> label;  // class index
  std::string id;                // how reports name the sample
};

/** What a suspended job needs before its next step. */
enum class Want {
  nothing,  // just call step() again
  sample,   // call step() with the next sample, or with nothing at the end of the data
  rewind,   // start the data again from its first sample, then call step()
};

struct JobStatus {
  bool done = false;
  Want want = Want::nothing;
  Progress progress;
};

/**
 * Long work in short steps: a coroutine that its driver resumes with step(), some 50 ms at most
 * each time, so that the host can show progress, cancel, and bring data asynchronously. Inside:
 *
 *   std::optional<Sample> sample = co_await next_sample("calibrate", "", n, -1);
 *   co_await rewind_data("calibrate");
 *   co_await report_progress("svd", layer, done, total);
 *   co_await some_other_job(arguments);                              // its steps become this job's
 *
 * An exception ends the job and comes out of step(). Arguments taken by reference must outlive it.
 */
class Job {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  Job() = default;
  Job(Job&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Job& operator=(Job&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Job() {
    if (handle_) handle_.destroy();
  }

  /** Runs until the next suspension. `input` answers Want::sample and is ignored otherwise. After
   * the end it keeps answering done. */
  JobStatus step(std::optional<Sample> input = {});
  bool done() const;

  auto operator co_await() &&;

 private:
  explicit Job(Handle handle) : handle_(handle) {}

  Handle handle_ = nullptr;
};

/** Between the outermost job and whichever inner one runs: who is next, and what is exchanged. */
struct JobChannel {
  std::coroutine_handle<> next;
  bool suspended = false;  // waiting for the driver
  JobStatus status;
  std::optional<Sample> input;
};

struct Job::promise_type {
  JobChannel own_channel;
  JobChannel* channel = &own_channel;
  std::coroutine_handle<> parent;
  std::exception_ptr error;

  Job get_return_object() { return Job(Handle::from_promise(*this)); }
  std::suspend_always initial_suspend() noexcept { return {}; }
  // Handing over by symmetric transfer would need guaranteed tail calls, which wasm lacks: the
  // driver loop in step() resumes whoever is next.
  auto final_suspend() noexcept {
    struct Finish {
      bool await_ready() noexcept { return false; }
      void await_suspend(Handle self) noexcept {
        self.promise().channel->next = self.promise().parent;
      }
      void await_resume() noexcept {}
    };
    return Finish{};
  }
  void return_void() {}
  void unhandled_exception() { error = std::current_exception(); }
};

/** Suspends to the driver with a wish; resumes with what the driver gave. */
class JobPause {
 public:
  JobPause(Want want, std::string_view stage, std::string_view layer, int64_t done, int64_t total)
      : want_(want), stage_(stage), layer_(layer), done_(done), total_(total) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(Job::Handle self) {
    channel_ = self.promise().channel;
    channel_->next = self;
    channel_->suspended = true;
    channel_->status =
        JobStatus{false, want_, Progress{std::string(stage_), std::string(layer_), done_, total_}};
  }
  std::optional<Sample> await_resume() { return std::exchange(channel_->input, std::nullopt); }

 private:
  Want want_;
  std::string_view stage_;
  std::string_view layer_;
  int64_t done_;
  int64_t total_;
  JobChannel* channel_ = nullptr;
};

// Stage and layer come in as views, because g++ 12 copies an aggregate that is a temporary of a
// co_await expression bit by bit: a Progress made on the spot would free memory that is not its
// own.

/** Asks the driver for the next sample of the data. */
inline JobPause next_sample(std::string_view stage, std::string_view layer, int64_t done,
                            int64_t total) {
  return {Want::sample, stage, layer, done, total};
}
/** Asks the driver to start the data again. */
inline JobPause rewind_data(std::string_view stage) {
  return {Want::rewind, stage, "", 0, -1};
}
/** Lets the driver show progress, cancel, or do something else. */
inline JobPause report_progress(std::string_view stage, std::string_view layer = {},
                                int64_t done = 0, int64_t total = -1) {
  return {Want::nothing, stage, layer, done, total};
}
/** Passes on what a job that is driven by hand wants. */
inline JobPause forward_status(const JobStatus& status) {
  const Progress& progress = status.progress;
  return {status.want, progress.stage, progress.layer, progress.done, progress.total};
}

inline auto Job::operator co_await() && {
  struct Inner {
    Handle handle;
    bool await_ready() const noexcept { return !handle; }
    void await_suspend(Handle parent) {
      handle.promise().channel = parent.promise().channel;
      handle.promise().parent = parent;
      handle.promise().channel->next = handle;
    }
    void await_resume() {
      if (handle && handle.promise().error) std::rethrow_exception(handle.promise().error);
    }
  };
  return Inner{handle_};
}

}  // namespace whittle
