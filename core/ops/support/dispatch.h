#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Throws UNSUPPORTED_TYPE naming the node. */
[[noreturn]] void fail_type(DType dtype, const Node& node);

/** Calls f.operator()<T>() for the one T of Ts that is `dtype`'s C++ type; throws UNSUPPORTED_TYPE
 * otherwise. List only what is worth its code size; widen the rest (convert.h). Booleans come as
 * bool. */
template <typename... Ts, typename F>
void dispatch(DType dtype, const Node& node, F&& f) {
  const bool found = ((dtype == dtype_of<Ts> ? (f.template operator()<Ts>(), true) : false) || ...);
  if (!found) fail_type(dtype, node);
}

}  // namespace whittle
