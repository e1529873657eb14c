#include "core/ops/support/sequences.h"

namespace whittle {

void require_room(const Node& node, size_t items) {
  constexpr size_t kMaxItems = size_t{1} << 20;
  if (items <= kMaxItems) return;
  fail(Code::LIMIT_EXCEEDED, node.label(), "Expected a sequence of at most ", kMaxItems,
       " tensors for ", node.label(), " but received ", items);
}

}  // namespace whittle
