#include "bindings/session.h"

#include <emscripten/bind.h>

#include "bindings/convert.h"
#include "bindings/environment.h"
#include "bindings/guard.h"
#include "bindings/model.h"

namespace whittle::bindings {

using emscripten::val;

namespace {

/** Compiles a model. `options`: {tier: string, profile: boolean, state: {output: input}}. */
val create_session(const ModelHandle& model, const val& options) {
  return guarded([&] {
    SessionOptions session_options;
    session_options.kernels = &kernels(options["tier"].as<std::string>());
    session_options.pool = &pool();
    session_options.profile = options["profile"].as<bool>();
    session_options.clock_ms = now_ms;
    const val state = options["state"];
    for (const std::string& output :
         strings_from_js(val::global("Object").call<val>("keys", state))) {
      session_options.state[output] = state[output].as<std::string>();
    }
    return val(std::make_shared<SessionHandle>(Session(model.model(), session_options)));
  });
}

}  // namespace

val SessionHandle::run(const val& feeds, const val& outputs) {
  return guarded([&] {
    std::vector<std::string> names = strings_from_js(outputs);
    const std::vector<Tensor> results = session_.run(feeds_from_js(feeds), names);
    if (names.empty()) names = session_.default_outputs();
    val object = val::object();
    for (size_t i = 0; i < results.size(); ++i) object.set(names[i], value_to_js(results[i]));
    return object;
  });
}

val SessionHandle::time(const val& feeds, int repeats) {
  return guarded([&] {
    const Feeds tensors = feeds_from_js(feeds);
    const Feeds state = session_.state();
    const double start = now_ms();
    for (int i = 0; i < repeats; ++i) session_.run(tensors);
    const double elapsed = now_ms() - start;
    session_.set_state(state);  // measuring leaves the session as it was
    return val(elapsed / repeats);
  });
}

void SessionHandle::reset_state() {
  session_.set_state({});
}

val SessionHandle::profile() const {
  val list = val::array();
  for (const StepProfile& step : session_.profile()) {
    val item = val::object();
    item.set("node", step.node);
    item.set("op", step.op);
    item.set("kernel", step.kernel);
    item.set("shape", step.shape);
    item.set("macs", static_cast<double>(step.macs));
    item.set("ms", step.time_ms);
    list.call<void>("push", item);
  }
  return list;
}

val SessionHandle::memory() const {
  val object = val::object();
  object.set("constants", static_cast<double>(session_.constant_bytes()));
  object.set("arena", static_cast<double>(session_.arena_bytes()));
  return object;
}

EMSCRIPTEN_BINDINGS(whittle_session) {
  emscripten::class_<SessionHandle>("SessionHandle")
      .smart_ptr<std::shared_ptr<SessionHandle>>("SessionHandle")
      .function("run", &SessionHandle::run)
      .function("time", &SessionHandle::time)
      .function("resetState", &SessionHandle::reset_state)
      .function("profile", &SessionHandle::profile)
      .function("memory", &SessionHandle::memory);
  emscripten::function("createSession", &create_session);
}

}  // namespace whittle::bindings
