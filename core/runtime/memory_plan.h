#pragma once

#include <cstdint>
#include <vector>

namespace whittle {

/** A piece of memory that must exist during steps [first, last]. */
struct MemoryRequest {
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
  int64_t offset = 0;  // set by plan_memory
};

/** Alignment of every offset: a cache line. */
inline constexpr int64_t kArenaAlignment = 64;

/**
 * Assigns offsets so that requests alive at the same time do not overlap, largest first, each into
 * the tightest gap that holds it. Returns the bytes of the whole arena.
 */
int64_t plan_memory(std::vector<MemoryRequest>& requests);

}  // namespace whittle
