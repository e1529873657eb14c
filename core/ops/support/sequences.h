#pragma once

#include "core/ops/op.h"

namespace whittle {

/** The fact of a sequence of tensors of type `element`. */
inline Fact sequence_of(DType element) {
  return Fact{DType::sequence, std::nullopt, {}, element};
}

/** Throws LIMIT_EXCEEDED for a sequence of more than 2^20 tensors: empty ones cost memory too. */
void require_room(const Node& node, size_t items);

}  // namespace whittle
