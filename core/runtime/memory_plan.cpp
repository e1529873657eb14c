#include "core/runtime/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace whittle {
namespace {

bool overlaps(const MemoryRequest& a, const MemoryRequest& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

int64_t plan_memory(std::vector<MemoryRequest>& requests) {
  for (MemoryRequest& request : requests) {
    request.bytes = (request.bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  }
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return requests[a].bytes > requests[b].bytes; });

  int64_t total = 0;
  std::vector<const MemoryRequest*> placed;  // sorted by offset
  for (size_t index : order) {
    MemoryRequest& request = requests[index];
    int64_t best = -1;
    int64_t best_gap = std::numeric_limits<int64_t>::max();
    int64_t end = 0;  // of the alive pieces seen so far
    for (const MemoryRequest* other : placed) {
      if (!overlaps(*other, request)) continue;
      const int64_t gap = other->offset - end;
      if (gap >= request.bytes && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
      end = std::max(end, other->offset + other->bytes);
    }
    request.offset = best >= 0 ? best : end;
    total = std::max(total, request.offset + request.bytes);
    const auto position =
        std::upper_bound(placed.begin(), placed.end(), request.offset,
                         [](int64_t offset, const MemoryRequest* p) { return offset < p->offset; });
    placed.insert(position, &request);
  }
  return total;
}

}  // namespace whittle
