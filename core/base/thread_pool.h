#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace whittle {

/** A non-owning reference to a callable; valid while the callable lives. Never allocates. */
template <typename Signature>
class FunctionRef;
template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(args...);
        }) {}
  R operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

/**
 * Runs numbered tasks, possibly at the same time. Handed into the core from outside. A task must
 * not depend on which thread runs it, and a reduction is never split by the number of threads, so
 * that results are the same bits for any pool.
 */
class ThreadPool {
 public:
  virtual ~ThreadPool() = default;
  virtual int threads() const = 0;
  /** Calls task(i, thread) for i in [0, tasks), thread in [0, threads()); returns when all are
   * done. The first exception of a task is rethrown here. */
  virtual void run(int64_t tasks, FunctionRef<void(int64_t, int)> task) = 0;
};

/** The pool of one thread: the caller. */
class SerialPool final : public ThreadPool {
 public:
  int threads() const override { return 1; }
  void run(int64_t tasks, FunctionRef<void(int64_t, int)> task) override {
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
  }
};

}  // namespace whittle
