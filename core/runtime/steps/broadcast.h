#pragma once

#include <vector>

#include "core/runtime/steps/support.h"

namespace whittle {

/** A binary kernel over any broadcast of two stored shapes: axes are merged where both operands
 * continue or repeat, the two inner ones go to the kernel, the rest are loops. */
class BroadcastLoops {
 public:
  BroadcastLoops(const Shape& a, const Shape& b, const Shape& out);

  /** Calls f(offset in a, in b, in out, shape of the part), offsets in elements. */
  template <typename F>
  void run(const RunState& state, size_t element_size, F&& f) const {
    const size_t grain = kParallelGrain / element_size;
    if (loop_count_ == 1 && inner_.outer == 1) {
      for_ranges(state, inner_.inner, 16, grain, [&](IndexRange r, int) {
        BinaryShape part = inner_;
        part.inner = r.size();
        f(r.begin * inner_.a_inner, r.begin * inner_.b_inner, r.begin, part);
      });
      return;
    }
    const size_t row_grain = std::max<size_t>(1, grain / std::max<size_t>(1, inner_.inner));
    for_ranges(state, loop_count_ * inner_.outer, 1, row_grain, [&](IndexRange rows, int) {
      for (size_t row = rows.begin; row < rows.end;) {
        const size_t index = row / inner_.outer;
        const size_t first = row % inner_.outer;
        BinaryShape part = inner_;
        part.outer = std::min(inner_.outer - first, rows.end - row);
        size_t rest = index, from_a = 0, from_b = 0;
        for (size_t i = loops_.size(); i-- > 0;) {
          const size_t position = rest % loops_[i].count;
          rest /= loops_[i].count;
          from_a += position * loops_[i].a;
          from_b += position * loops_[i].b;
        }
        f(from_a + first * inner_.a_outer, from_b + first * inner_.b_outer,
          index * inner_.outer * inner_.inner + first * inner_.inner, part);
        row += part.outer;
      }
    });
  }

 private:
  struct Axis {
    size_t count, a, b;  // elements, and steps in both operands: 0 repeats
  };
  std::vector<Axis> loops_;  // the outermost first
  size_t loop_count_ = 1;
  BinaryShape inner_;
};

}  // namespace whittle
