#include "core/base/error.h"

namespace whittle {

std::string_view code_name(Code code) {
  switch (code) {
#define WHITTLE_ERROR(code, meaning) \
  case Code::code:                   \
    return #code;
#include "core/base/error_codes.inc"
#undef WHITTLE_ERROR
  }
  return "INTERNAL";
}

}  // namespace whittle
