#pragma once

#include <cstring>
#include <vector>

#include "core/runtime/steps/support.h"

namespace whittle {

/** Copies a few bytes with vector moves: a call of memcpy costs more than the copy for short rows.
 */
inline void copy_bytes(std::byte* to, const std::byte* from, size_t count) {
  if (count > 256) {
    std::memcpy(to, from, count);
    return;
  }
  for (; count >= 16; count -= 16, to += 16, from += 16) std::memcpy(to, from, 16);
  for (; count >= 4; count -= 4, to += 4, from += 4) std::memcpy(to, from, 4);
  for (; count > 0; --count) *to++ = *from++;
}

/** A copy between two strided views of the same dims; neighbouring axes are merged and the inner
 * contiguous part is one run. */
class StridedCopy {
 public:
  /** Strides in elements; a source stride may be 0 (repeat) or negative. */
  StridedCopy(const Shape& dims, const std::vector<int64_t>& source,
              const std::vector<int64_t>& target, size_t element_size);

  void run(const RunState& state, const std::byte* from, std::byte* to) const;
  /** Everything is one run. */
  bool contiguous() const { return loops_.empty(); }

 private:
  struct Loop {
    int64_t count, source, target;  // steps in bytes
  };
  std::vector<Loop> loops_;  // the outermost first
  int64_t outer_ = 1;
  size_t run_bytes_ = 0;
};

/** Row-major strides of a shape. */
std::vector<int64_t> row_major_strides(const Shape& shape);

}  // namespace whittle
