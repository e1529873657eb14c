#pragma once

#include <emscripten/val.h>

#include <exception>
#include <new>

#include "core/base/error.h"

namespace whittle::bindings {

/** {error: {code, message, where}}: what every bound function returns in place of throwing. */
inline emscripten::val error_object(std::string_view code, const std::string& message,
                                    const std::string& where) {
  emscripten::val error = emscripten::val::object();
  error.set("code", std::string(code));
  error.set("message", message);
  error.set("where", where);
  emscripten::val result = emscripten::val::object();
  result.set("error", error);
  return result;
}

/**
 * Runs `body` and returns {value: its result}, or {error}. The only place where core exceptions are
 * caught: nothing C++ crosses into JavaScript.
 */
template <typename Body>
emscripten::val guarded(Body&& body) {
  try {
    emscripten::val result = emscripten::val::object();
    result.set("value", body());
    return result;
  } catch (const Error& error) {
    return error_object(code_name(error.code), error.message, error.where);
  } catch (const std::bad_alloc&) {
    return error_object("OUT_OF_MEMORY", "Memory ran out in the WebAssembly module", "");
  } catch (const std::exception& error) {
    return error_object("INTERNAL", error.what(), "");
  }
}

}  // namespace whittle::bindings
