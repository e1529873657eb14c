#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <string_view>

namespace whittle {

enum class Code {
#define WHITTLE_ERROR(code, meaning) code,
#include "core/base/error_codes.inc"
#undef WHITTLE_ERROR
};

/** The code's spelling as users see it, for example "INVALID_MODEL". */
std::string_view code_name(Code code);

/** The one exception type of the core: thrown anywhere, caught once at the edge. */
class Error : public std::exception {
 public:
  /** `where` names the node, tensor, option or byte offset; empty when there is no place. */
  Error(Code error_code, std::string text, std::string place = {})
      : code(error_code), message(std::move(text)), where(std::move(place)) {}
  const char* what() const noexcept override { return message.c_str(); }

  Code code;
  std::string message;
  std::string where;
};

/** Concatenates its arguments with operator<<. */
template <typename... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

/** Throws Error(code, concat(args...), where). */
template <typename... Args>
[[noreturn]] void fail(Code code, std::string where, const Args&... args) {
  throw Error(code, concat(args...), std::move(where));
}

}  // namespace whittle
