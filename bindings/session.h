#pragma once

#include <emscripten/val.h>

#include "core/runtime/session.h"

namespace whittle::bindings {

/** A compiled model as JavaScript holds it. */
class SessionHandle {
 public:
  explicit SessionHandle(Session session) : session_(std::move(session)) {}

  Session& session() { return session_; }
  /** Values by output name; `outputs` (array of names) may be empty for all. */
  emscripten::val run(const emscripten::val& feeds, const emscripten::val& outputs);
  /** Runs `repeats` times on the same feeds and returns the milliseconds of one run, without the
   * cost of crossing into JavaScript. */
  emscripten::val time(const emscripten::val& feeds, int repeats);
  /** The next run starts anew. */
  void reset_state();
  /** Steps of the most recent plan with their times (session made with profile: true). */
  emscripten::val profile() const;
  /** {constants, arena} in bytes. */
  emscripten::val memory() const;

 private:
  Session session_;
};

}  // namespace whittle::bindings
